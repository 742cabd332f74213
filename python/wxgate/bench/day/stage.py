"""The gateway of the day: four accounts of four kinds, limits, one destination for everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from wxgate.sim import Belongings
from wxgate.sim.demo.world import SERIAL, Ports, World, accounts, write_secrets
from wxgate.sim.keypair import KeyPair

if TYPE_CHECKING:
    from pathlib import Path

STREAM = "day"
PARTITIONS = 16
BATCH = 64
JOURNAL = "journal"
"""Its folder, beside the configuration."""

_SERVER = """\
[server]
listen = "127.0.0.1:{listen}"
admin = "127.0.0.1:{admin}"
workers = {workers}
log_level = "error"

[journal]
dir = "{journal}"
retain = 0

"""
_LIMITS = """\
[[limit]]
name = "one-user"
per = "openid"
rate = "1000000/s"

[[limit]]
name = "one-account"
per = "account"
rate = "1000000/s"

"""
_ROUTE = """\
[[route]]
to = "{to}"

"""
_STATE = """\
[state.redis]
url = "{url}"
prefix = "{prefix}"

"""
_SERVICE = """\
[upstream.service]
nodes = ["http://127.0.0.1:{service}"]
batch = {batch}

"""
_STREAM = f"""\
[stream.{STREAM}]
partitions = {PARTITIONS}
keep = 0

"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the day is played with."""

    workers: int = 1
    batch: int = BATCH
    """Events in one request to the service."""
    to: Literal["service", "stream"] = "service"
    redis: str | None = None
    """The address of the claims' and limits' Redis, and the stream's; embedded without one."""
    prefix: str = "wxday"
    """What every key in it begins with."""


def build(folder: Path, ports: Ports, setting: Setting) -> World:
    """Write configuration and secrets into an empty folder.

    Raises ``ValueError`` for a stream without a Redis.
    """
    if setting.to == "stream" and setting.redis is None:
        reason = "a stream is in Redis: give its address with --redis redis://HOST:PORT"
        raise ValueError(reason)
    pair = KeyPair.generate()
    write_secrets(folder, pair)
    config = folder / "wxgate.toml"
    config.write_text(_text(ports, setting), encoding="utf-8")
    return World(config, ports, {"mch": Belongings(private_key=pair.private, serial=SERIAL)})


def target(setting: Setting) -> str:
    """Return where routes lead."""
    return "upstream:service" if setting.to == "service" else f"stream:{STREAM}"


def surroundings(ports: Ports, setting: Setting) -> str:
    """Describe all of a gateway but its accounts and routes, with limits that nobody meets."""
    server = _SERVER.format(
        listen=ports.listen, admin=ports.admin, workers=setting.workers, journal=JOURNAL
    )
    service = _SERVICE.format(service=ports.service, batch=setting.batch)
    state = _STATE.format(url=setting.redis, prefix=setting.prefix) if setting.redis else ""
    return server + _LIMITS + state + (service if setting.to == "service" else _STREAM)


def _text(ports: Ports, setting: Setting) -> str:
    route = _ROUTE.format(to=target(setting))
    return surroundings(ports, setting) + route + accounts("shop", "mini", "work", "mch")
