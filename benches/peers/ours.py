"""wxgate itself, set up as its peers are: claims in Redis, delivery to a stream; and granian."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bare import GRANIAN
from contender import HERE, Installed
from wechat import APPID

if TYPE_CHECKING:
    from collections.abc import Callable

    from contender import Place

_BIN = Path(sys.executable).parent
_CONFIG = """\
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
log_level = "error"
{state}
[stream.callbacks]
redis = "{redis}"
[account.shop]
kind = "official"
appid = "{appid}"
token = ["env:SHOP_TOKEN"]
aes_key = ["env:SHOP_AES_KEY"]
[[route]]
to = "stream:callbacks"
"""


def shared() -> Installed:
    """The gateway with its claims in Redis, as its peers have theirs."""
    return _wxgate(lambda place: f'[state]\nredis = "{place.redis}"\n')


def embedded() -> Installed:
    """The gateway with its claims in its own process."""
    return _wxgate(lambda _: "")


def empty(interface: str) -> Callable[[], Installed]:
    """An application on granian that reads the body and answers."""
    at = {"rsgi": "empty:rsgi", "asginl": "empty:asgi"}[interface]

    def command(place: Place) -> list[str]:
        start = [str(_BIN / "granian"), *GRANIAN, "--interface", interface]
        return [*start, "--port", str(place.port), at]

    apps = str(HERE.parent / "process/apps")
    return lambda: Installed(command, _versions("granian", "uvloop"), {"PYTHONPATH": apps})


def _wxgate(state: Callable[[Place], str]) -> Installed:
    def command(place: Place) -> list[str]:
        own = {"port": place.port, "admin": place.admin, "redis": place.redis}
        text = _CONFIG.format(appid=APPID, state=state(place), **own)
        (place.folder / "wxgate.toml").write_text(text)
        return [str(_BIN / "wxgate"), "serve"]

    return Installed(command, _versions("wxgate", "granian", "uvloop", "redis", "hiredis"))


def _versions(*names: str) -> dict[str, str]:
    return {"Python": platform.python_version(), **{name: version(name) for name in names}}
