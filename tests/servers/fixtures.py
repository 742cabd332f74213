"""The fixtures, found by every test through ``tests/conftest.py``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import flavour
from .cluster import Cluster
from .layouts import KINDS
from .replicated import Replicated
from .server import Server
from .tls import Identity, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .flavour import Flavour
    from .layouts import Layout

    Servers = Callable[[Flavour], Server]

_WITHOUT = os.environ.get("WXGATE_WITHOUT_SERVERS", "").split()
"""Names of servers that this run does without; its header says so."""
FLAVOURS = [one for one in flavour.ALL if one.name not in _WITHOUT]


def pytest_report_header() -> list[str]:
    """Say which servers the run has."""
    said = [f"{one.name} {one.version}" for one in FLAVOURS]
    return ["servers: " + ", ".join([*said, *(f"without {name}" for name in _WITHOUT)])]


def present(which: Flavour) -> Flavour:
    """The flavour, or a skip that says how to get it."""
    if which.program is None:
        pytest.skip(f"{which.name} is not here: {which.otherwise}")
    return which


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start a server of a flavour the first time it is asked for."""
    started: dict[str, Server] = {}

    def get(which: Flavour) -> Server:
        if which.name not in started:
            folder = tmp_path_factory.mktemp(which.name)
            started[which.name] = Server(present(which), folder).start()
        server = started[which.name]
        server.reset()
        return server

    yield get
    for server in started.values():
        server.kill()


@pytest.fixture
def redis_server(servers: Servers) -> Server:
    """A server that is running and empty: Valkey 9."""
    return servers(flavour.VALKEY_9)


@pytest.fixture(params=FLAVOURS, ids=lambda one: one.name)
def each_redis(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """Every server in turn, running and empty."""
    return servers(request.param)


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this test alone, which may kill it."""
    with Server(present(flavour.VALKEY_9), tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def replicated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicated]:
    """A primary, a replica and three Sentinels of this test alone: Valkey 9, or what it names."""
    which = present(flavour.named(getattr(request, "param", "valkey9")))
    with Replicated(which, tmp_path_factory.mktemp("replicated")) as group:
        yield group


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three primaries, started once."""
    with Cluster(present(flavour.VALKEY_9), tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(shared_cluster: Cluster) -> Cluster:
    """Three primaries, running and empty; a test that moves slots moves them back."""
    shared_cluster.reset()
    return shared_cluster


@pytest.fixture(scope="session")
def tls_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate for 127.0.0.1."""
    return identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture(
    scope="module",
    params=[one for one in KINDS if one.flavour in FLAVOURS],
    ids=lambda one: one.name,
)
def shared_layout(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tls_identity: Identity,
) -> Iterator[Layout]:
    """Several servers, for the tests of a module that ask for them, one kind after the other."""
    present(request.param.flavour)
    layout = request.param.up(tmp_path_factory.mktemp("layout"), tls_identity)
    with layout.group:
        yield layout


@pytest.fixture
def each_layout(shared_layout: Layout) -> Layout:
    """Every Cluster and every group under Sentinels, running and empty."""
    shared_layout.reset()
    return shared_layout
