"""Configuration: one TOML file, read once into frozen Structs.

`load` is the way in. The tables are in `server`, `push`, `pay`, `upstream` and `route`.
"""

from wxgate.settings.load import load
from wxgate.settings.model import Account, Settings
from wxgate.settings.problems import Problem
from wxgate.settings.secret import Secret

__all__ = [
    "Account",
    "Problem",
    "Secret",
    "Settings",
    "load",
]
