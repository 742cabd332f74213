"""A world with every kind of account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from wxgate import Gateway
from wxgate.rows import Rows
from wxgate.running import Shared
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.keypair import KeyPair
from wxgate.stores.claims import Ground
from wxgate.vitals import SIZE

from .theatre import Theatre

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Stage: TypeAlias = Callable[..., Theatre]
    Crew: TypeAlias = Callable[..., list[Theatre]]

LOG = '[[route]]\nto = "log:"\n'
OFTEN = "[dispatch.retry]\nfirst = 0.01\nmax = 0.05\n"
"""So that a test need not wait for the next try."""


@pytest.fixture(scope="session")
def platform() -> KeyPair:
    """WeChat Pay's key pair."""
    return KeyPair.generate()


@pytest.fixture(scope="session")
def partner() -> KeyPair:
    """The partner's key pair."""
    return KeyPair.generate()


@pytest.fixture
def world(tmp_path: Path, platform: KeyPair, partner: KeyPair) -> World:
    """Accounts of every kind on disk."""
    return build(tmp_path, Ports(1, 2, 3), platform, partner)


@pytest.fixture
def stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Put a gateway with these routes and server settings on stage."""
    monkeypatch.chdir(world.config.parent)

    def put(routes: str = LOG, server: str = "") -> Theatre:
        text = world.config.read_text()
        accounts = text[text.index("[account.shop]") :].split("[[route]]", maxsplit=1)[0]
        # Off but where a test is about it: the tests' own process may keep its loop waiting.
        calm = "" if "[overload]" in routes else "[overload]\nenabled = false\n"
        world.config.write_text(f"[server]\n{server}\n{calm}{accounts}\n{routes}")
        return Theatre(Gateway(world.config), world.players(), world.config.parent)

    return put


@pytest.fixture
def crew(stage: Stage) -> Crew:
    """Put two workers of one machine on stage, as `wxgate serve` forks them."""

    def put(routes: str = LOG, server: str = "") -> list[Theatre]:
        first = stage(routes, f"workers = 2\n{server}")
        settings = first.gateway.settings
        block = memoryview(bytearray(2 * Rows.of(settings).layout().size))
        claims, vitals = Ground.of(settings), memoryview(bytearray(2 * SIZE))
        shared = (Shared(block, worker, claims=claims, vitals=vitals) for worker in range(2))
        gateways = [Gateway(settings, shared=one) for one in shared]
        return [replace(first, gateway=gateway) for gateway in gateways]

    return put
