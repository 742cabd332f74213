"""Where the store is: behind TLS, in a Cluster that moves its slots, under Sentinels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from servers.chaos import Chaos
from servers.fixtures import present
from servers.flavour import REDIS_7
from servers.server import Server
from wxgate.settings.secret import Secret
from wxgate.testing import message

from .sites import until
from .test_redis_faults import ask, heard, node, now, shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.cluster import Cluster
    from servers.replicated import Replicated
    from servers.tls import Identity


def test_tls_is_spoken_with_whom_the_authority_knows(
    redis_server: Server, tls_identity: Identity
) -> None:
    """And with nobody else: a stranger's certificate is none."""

    async def run() -> None:
        async with Chaos(redis_server.port, tls=tls_identity.context) as tls:
            async with node(tls.url, ca=str(tls_identity.certificate), budget=1.0) as here:
                assert here.is_shared, here.report()
                assert await ask(here, 1) is True
            async with node(tls.url) as distrustful:
                assert not distrustful.is_shared
                assert "certificate" in str(distrustful.report()["reason"])

    asyncio.run(run())


def test_tls_and_a_user_of_its_own(tmp_path: Path, tls_identity: Identity) -> None:
    """A server that was built with TLS."""
    secret = Secret("env:X", "very secret")

    async def run(url: str) -> None:
        ca = str(tls_identity.certificate)
        async with node(url, ca=ca, user="wxgate", password=secret, budget=1.0) as here:
            assert here.is_shared, here.report()
            assert await ask(here, 1) is True

    with Server(present(REDIS_7), tmp_path, tls=tls_identity) as server:
        server.say("ACL", "SETUSER", "wxgate", "on", ">very secret", "~{wx}:*", "+@all")
        asyncio.run(run(server.url))


def test_a_unix_socket_and_its_databases(tmp_path: Path) -> None:
    """Where it stands on the same machine; nobody there is said with the path."""
    path = tmp_path / "redis.sock"
    url = f"unix://{path}"

    async def run() -> None:
        async with node(url, budget=1.0) as here, node(f"{url}?db=3", budget=1.0) as there:
            assert here.is_shared, here.report()
            assert await ask(here, 1) is True
            assert await ask(here, 1) is False
            assert await ask(there, 1) is True

    async def fail() -> None:
        async with node(url) as here:
            assert not here.is_shared
            assert str(here.report()["reason"]).startswith(f"{path}: ")

    with Server(present(REDIS_7), tmp_path, "--unixsocket", str(path)):
        asyncio.run(run())
    asyncio.run(fail())


def test_databases_are_apart(redis_server: Server) -> None:
    """``/3`` is not ``/0``."""

    async def run() -> None:
        first, second = redis_server.url, f"{redis_server.url}/3"
        async with node(first, budget=1.0) as here, node(second, budget=1.0) as there:
            assert await ask(here, 1) is True
            assert await ask(there, 1) is True

    asyncio.run(run())


def test_fleets_with_another_prefix_are_apart(redis_server: Server) -> None:
    """On one server."""

    async def run() -> None:
        async with (
            node(redis_server.url, budget=1.0) as here,
            node(redis_server.url, prefix="other", budget=1.0) as there,
        ):
            assert await ask(here, 1) is True
            assert await ask(there, 1) is True

    asyncio.run(run())


@pytest.fixture
def moved(redis_cluster: Cluster) -> Iterator[tuple[Cluster, int, Server, Server]]:
    """The slot of all keys, who has it, and who else could; it is brought back afterwards."""
    slot = redis_cluster.slot("{wx}")
    holder = redis_cluster.holder(slot)
    other = next(one for one in redis_cluster.nodes if one is not holder)
    yield redis_cluster, slot, holder, other
    for server in (holder, other):
        server.say("FLUSHALL")
        server.say("CLUSTER", "SETSLOT", slot, "STABLE")
    redis_cluster.move(slot, holder)


def test_a_slot_that_has_moved_is_followed(moved: tuple[Cluster, int, Server, Server]) -> None:
    """MOVED: nobody waits longer, and what was known is told to the new primary."""
    cluster, slot, holder, other = moved

    async def run() -> None:
        async with node(cluster.url, budget=1.0) as here:
            assert here.is_shared, here.report()
            assert await ask(here, 1) is True
            here.complete([message(1)], now())
            await heard(here)
            holder.say("FLUSHALL")
            cluster.move(slot, other)
            assert await ask(here, 2) is True
            assert here.tally.reconnects == 1, "told where it is, not tired of waiting"
            await shared(here)
            async with node(cluster.url, budget=1.0) as there:
                assert await ask(there, 1) == b""
            assert other.say("EXISTS", b"{wx}:c" + message(1).claim_key) == 1

    asyncio.run(run())


def test_a_slot_on_the_move_takes_no_new_keys(
    moved: tuple[Cluster, int, Server, Server],
) -> None:
    """TRYAGAIN, ASK: a call has old keys and new ones, so that neither primary takes it.

    Until the move is over each gateway is alone; then all is told to the new primary.
    """
    cluster, slot, holder, other = moved

    async def run() -> None:
        async with node(cluster.url) as here:
            assert await ask(here, 1) is True
            here.complete([message(1)], now())
            await heard(here)
            cluster.migrate(slot, holder, other)
            keys: Any = holder.say("CLUSTER", "GETKEYSINSLOT", slot, 1000)
            for number, key in enumerate(keys):
                holder.say("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "KEYS", key)
                assert await ask(here, 10 + number) is True
            await until(lambda: not here.is_shared)
            here.complete([message(10)], now())
            cluster.move(slot, other)
            await shared(here)
            async with node(cluster.url, budget=1.0) as there:
                assert [await ask(there, number) for number in (1, 10)] == [b"", b""]

    asyncio.run(run())


def test_a_move_that_is_given_up_is_waited_for(
    moved: tuple[Cluster, int, Server, Server],
) -> None:
    """TRYAGAIN: the same call is sent again until its keys are in one place, within the budget."""
    cluster, slot, holder, other = moved

    async def run() -> None:
        async with node(cluster.url, budget=2.0) as here:
            assert await ask(here, 1) is True
            here.complete([message(1)], now())
            await heard(here)
            cluster.migrate(slot, holder, other)
            asked = asyncio.create_task(ask(here, 2))
            await asyncio.sleep(0.1)
            assert not asked.done()
            for server in (holder, other):
                server.say("CLUSTER", "SETSLOT", slot, "STABLE")
            assert await asked is True
            assert (here.is_shared, here.tally.late, here.tally.failures) == (True, 0, 0)
            async with node(cluster.url, budget=1.0) as there:
                assert [await ask(there, number) for number in (1, 2)] == [b"", False]

    asyncio.run(run())


def test_what_a_lost_connection_has_not_answered_is_asked_again(redis_cluster: Cluster) -> None:
    """Of the same primary: it is there, and nobody has to do without it."""
    holder = redis_cluster.holder(redis_cluster.slot("{wx}"))

    async def run() -> None:
        async with node(redis_cluster.url, budget=5.0) as here:
            assert await ask(here, 1) is True
            holder.say("CLIENT", "PAUSE", 60_000, "WRITE")
            try:
                asked = asyncio.create_task(ask(here, 2))
                await asyncio.sleep(0.1)
                holder.say("CLIENT", "KILL", "TYPE", "normal")
                await until(lambda: here.tally.reconnects)
            finally:
                holder.say("CLIENT", "UNPAUSE")
            assert await asked is True
            assert (here.is_shared, here.tally.late, here.tally.failures) == (True, 0, 0)
            async with node(redis_cluster.url, budget=1.0) as there:
                assert await ask(there, 2) is False

    asyncio.run(run())


@pytest.mark.slow
def test_sentinels_are_asked_one_after_the_other(replicated: Replicated) -> None:
    """One that is gone keeps nobody from the next."""

    async def run() -> None:
        replicated.sentinels[0].kill()
        replicated.sentinels[1].pause()
        async with node(replicated.url, budget=1.0) as here:
            await until(lambda: here.is_shared)
            assert await ask(here, 1) is True
        wrong = replicated.url.replace("/wx/", "/unknown/")
        async with node(wrong) as lost:
            assert "does not know unknown" in str(lost.report()["reason"])

    asyncio.run(run())
