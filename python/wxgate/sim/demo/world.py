"""A configuration with every kind of account, its secrets made up on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxgate.settings import load
from wxgate.sim import invent
from wxgate.sim.casting import Belongings, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wxgate.sim.keypair import KeyPair
    from wxgate.sim.player import Player

SERIAL = "PUB_KEY_ID_0110000000012026112300000001"

_TABLES = {
    "shop": """\
[account.shop]
kind = "official"
appid = "{appid}"
token = "file:token"
aes_key = "file:aes_key"
""",
    "mini": """\
[account.mini]
kind = "miniprogram"
appid = "{appid}"
token = "file:token"
aes_key = "file:aes_key"
format = "json"
""",
    "work": """\
[account.work]
kind = "wecom"
corpid = "{corpid}"
token = "file:token"
aes_key = "file:aes_key"
""",
    "bot": """\
[account.bot]
kind = "wecom"
bot = true
token = "file:token"
aes_key = "file:aes_key"
""",
    "suite": """\
[account.suite]
kind = "wecom_suite"
suite_id = "{corpid}"
corpid = ["{provider}", "{company}"]
token = "file:token"
aes_key = "file:aes_key"
""",
    "platform": """\
[account.platform]
kind = "component"
appid = "{appid}"
token = "file:token"
aes_key = "file:aes_key"
""",
    "mch": """\
[account.mch]
kind = "pay"
mchid = "{mchid}"
apiv3_key = "file:apiv3_key"
platform_keys = {{ "{serial}" = "file:platform.pem" }}
""",
    "mch_v2": """\
[account.mch_v2]
kind = "pay_v2"
mchid = "{mchid}"
key = "file:v2_key"
""",
    "billing": """\
[account.billing]
kind = "partner"
app_id = "billing"
app_secret = "file:app_secret"
public_key = "file:partner.pem"
""",
}

_SERVER = """\
[server]
listen = "127.0.0.1:{listen}"
admin = "127.0.0.1:{admin}"
log_level = "error"

[upstream.service]
nodes = ["http://127.0.0.1:{service}"]

[[route]]
when = {{ type = "text" }}
to = "upstream:service"
reply = "wait"

[[route]]
to = "upstream:service"

"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Who listens where on loopback."""

    listen: int
    admin: int
    service: int


@dataclass(frozen=True, slots=True)
class World:
    """A configuration on disk, and what its other side owns."""

    config: Path
    ports: Ports
    belongings: Mapping[str, Belongings]

    @property
    def url(self) -> str:
        """Where WeChat calls."""
        return f"http://127.0.0.1:{self.ports.listen}"

    def players(self) -> dict[str, Player]:
        """A player for every account."""
        settings = load(self.config)
        none = Belongings()
        return {
            name: cast(settings, name, self.belongings.get(name, none)) for name in settings.account
        }


def build(folder: Path, ports: Ports, platform: KeyPair, partner: KeyPair) -> World:
    """Write it all into an empty folder."""
    (folder / "partner.pem").write_text(partner.public, encoding="utf-8")
    write_secrets(folder, platform)
    config = folder / "wxgate.toml"
    server = _SERVER.format(listen=ports.listen, admin=ports.admin, service=ports.service)
    config.write_text(server + accounts(*_TABLES), encoding="utf-8")
    owned = {
        "mch": Belongings(private_key=platform.private, serial=SERIAL),
        "billing": Belongings(private_key=partner.private),
    }
    return World(config, ports, owned)


def write_secrets(folder: Path, platform: KeyPair) -> None:
    """Write the files that the accounts' tables name, but for a partner's key."""
    secrets = {
        "token": invent.alphanumeric(16),
        "aes_key": invent.aes_key(),
        "apiv3_key": invent.key32(),
        "v2_key": invent.key32(),
        "app_secret": invent.key32(),
        "platform.pem": platform.public,
    }
    for name, secret in secrets.items():
        (folder / name).write_text(secret, encoding="utf-8")


def accounts(*names: str) -> str:
    """Write the tables of some accounts, with ids made up on the spot."""
    return "\n".join(_TABLES[name] for name in names).format(
        appid=invent.appid(),
        corpid=invent.corpid(),
        provider=invent.corpid(),
        company=invent.corpid(),
        mchid=invent.mchid(),
        serial=SERIAL,
    )
