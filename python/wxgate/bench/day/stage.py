"""The gateway of the day: four accounts of four kinds, one service that takes everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxgate.sim import Belongings, invent
from wxgate.sim.demo.world import SERIAL, Ports, World
from wxgate.sim.keypair import KeyPair

if TYPE_CHECKING:
    from pathlib import Path

_CONFIG = """\
[server]
listen = "127.0.0.1:{listen}"
admin = "127.0.0.1:{admin}"
workers = {workers}
log_level = "error"

[journal]
dir = "journal"
retain = 0

{state}
[upstream.service]
nodes = ["http://127.0.0.1:{service}"]
batch = {batch}

[account.shop]
kind = "official"
appid = "{appid}"
token = "file:token"
aes_key = "file:aes_key"

[account.mini]
kind = "miniprogram"
appid = "{appid}"
token = "file:token"
aes_key = "file:aes_key"
format = "json"

[account.work]
kind = "wecom"
corpid = "{corpid}"
token = "file:token"
aes_key = "file:aes_key"

[account.mch]
kind = "pay"
mchid = "{mchid}"
apiv3_key = "file:apiv3_key"
platform_keys = {{ "{serial}" = "file:platform.pem" }}

[[route]]
to = "upstream:service"
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the day is played with."""

    workers: int = 1
    batch: int = 64
    redis: str | None = None


def build(folder: Path, ports: Ports, setting: Setting) -> World:
    """Write configuration and secrets into an empty folder."""
    pair = KeyPair.generate()
    secrets = {
        "token": invent.alphanumeric(16),
        "aes_key": invent.aes_key(),
        "apiv3_key": invent.key32(),
        "platform.pem": pair.public,
    }
    for name, secret in secrets.items():
        (folder / name).write_text(secret, encoding="utf-8")
    config = folder / "wxgate.toml"
    text = _CONFIG.format(
        listen=ports.listen,
        admin=ports.admin,
        service=ports.service,
        workers=setting.workers,
        batch=setting.batch,
        state=f'[state]\nredis = "{setting.redis}"\n' if setting.redis else "",
        appid=invent.appid(),
        corpid=invent.corpid(),
        mchid=invent.mchid(),
        serial=SERIAL,
    )
    config.write_text(text, encoding="utf-8")
    return World(config, ports, {"mch": Belongings(private_key=pair.private, serial=SERIAL)})
