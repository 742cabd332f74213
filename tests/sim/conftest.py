"""A world with every kind of account, and the core that judges what is played towards it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wxcore._wxcore import Gateway
from wxgate.settings import core_blob, load
from wxgate.sim import cast
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.keypair import KeyPair

if TYPE_CHECKING:
    from wxcore._wxcore import Received
    from wxgate.sim import Call, Player

NOWHERE = Ports(listen=1, admin=2, service=3)
CONSOLE = """
[account.{name}]
kind = "{kind}"
appid = "wx0123456789abcdef"
token = "file:token"
aes_key = "file:aes_key"
mode = "{mode}"
format = "{format}"
"""
PINNED = """
[account.mch_v2_hmac]
kind = "pay_v2"
mchid = "1900000001"
key = "file:v2_key"
sign_type = "HMAC-SHA256"
"""


def key_pair() -> KeyPair:
    """A pair from another implementation than the one under test."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(private.decode(), public.decode())


@dataclass(frozen=True)
class Stage:
    """Players, and the core of the gateway that they play to."""

    players: dict[str, Player]
    core: Gateway

    def receive(self, call: Call, now: int | None = None) -> Received:
        """Let the core take a call, as the gateway would."""
        account, _, authorizer = call.path.removeprefix("/cb/").partition("/")
        milliseconds = 1000 * (int(time.time()) if now is None else now)
        headers = list(call.headers)
        return self.core.receive(
            account, authorizer or None, call.method, call.query, headers, call.body, milliseconds
        )


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demo's world, and accounts in the modes that the demo does not show."""
    pairs = key_pair(), key_pair()
    made = build(tmp_path_factory.mktemp("world"), NOWHERE, *pairs)
    more = [
        CONSOLE.format(name=f"{kind}_{mode}_{written}", kind=kind, mode=mode, format=written)
        for kind in ("official", "miniprogram")
        for mode in ("plain", "compatible", "safe")
        for written in ("xml", "json")
    ]
    with made.config.open("a", encoding="utf-8") as file:
        file.writelines([*more, PINNED])
    return made


@pytest.fixture(scope="session")
def stage(world: World) -> Stage:
    """Everybody in place."""
    settings = load(world.config)
    return Stage(world.players(), Gateway(core_blob(settings)))


@pytest.fixture(scope="session")
def cast_of(world: World) -> object:
    """The function under test, on the world's settings."""
    settings = load(world.config)
    return lambda *arguments: cast(settings, *arguments)
