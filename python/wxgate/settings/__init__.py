"""Configuration: one TOML file, read once into frozen Structs.

`load` is the way in, `core_blob` the way on to the Rust core, and `warnings` says what is
allowed but hardly meant. The tables are in `server`, `journal`, `state`, `push`, `pay`, `dispatch`,
`upstream`, `route` and `limit`.
"""

from wxgate.settings.advice import warnings
from wxgate.settings.blob import core_blob
from wxgate.settings.core import core_problems
from wxgate.settings.load import load, load_hub
from wxgate.settings.model import Account, Settings
from wxgate.settings.problems import Problem
from wxgate.settings.secret import Secret

__all__ = [
    "Account",
    "Problem",
    "Secret",
    "Settings",
    "core_blob",
    "core_problems",
    "load",
    "load_hub",
    "warnings",
]
