"""A store that is slow, gone, lost or wrong: nobody waits for it, and it is told all afterwards."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from servers.chaos import Chaos, Manner
from servers.fake import Fake
from wxcore._wxcore import Claims
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.settings.secret import Secret
from wxgate.stores.redis import recovery
from wxgate.stores.redis.claims import RedisClaims
from wxgate.testing import message
from wxgate.testing.messages import Rule, limited

from .sites import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from servers.replicated import Replicated
    from servers.server import Server

BUDGET = 0.05


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def node(url: str, **settings: Any) -> AsyncIterator[RedisClaims]:
    """A gateway's claims, whatever state the store is in."""
    table = Redis(url=RedisUrl.parse(url), **{"budget": BUDGET, "lease": 4.0, **settings})
    claims = RedisClaims(table, Claims(200_000, 1 << 20, now()))
    await claims.open()
    try:
        yield claims
    finally:
        await claims.aclose()


async def ask(claims: RedisClaims, number: int) -> Any:
    """Ask for a message."""
    return await claimed(claims.claim(message(number), now()))


async def claimed(answer: Any) -> Any:
    """What a claim comes to, now or later."""
    return await answer if isinstance(answer, asyncio.Future) else answer


async def timed(claims: RedisClaims, number: int) -> tuple[Any, float]:
    """Ask for a message; return also how long it took."""
    started = time.perf_counter()
    return await ask(claims, number), time.perf_counter() - started


async def heard(claims: RedisClaims) -> None:
    """Wait until the store has heard everything."""
    await claims.settle(5.0)


async def shared(claims: RedisClaims) -> None:
    """Wait until the store is in use."""
    await until(lambda: claims.is_shared)


def test_what_is_done_while_it_is_gone_is_known_to_all_afterwards(own_redis: Server) -> None:
    """C1: nobody waits, and the gap is merged."""

    async def run() -> None:
        async with node(own_redis.url) as here, node(own_redis.url, budget=1.0) as there:
            assert await ask(here, 1) is True
            here.complete([message(1)], now())
            await heard(here)
            own_redis.kill()
            await until(lambda: not (here.is_shared or there.is_shared))
            assert here.claim(message(1), now()) == b"", "it is asked"
            assert await ask(here, 2) is True
            here.complete([message(2)], now())
            here.answer(message(2), b"in the gap", now())
            assert await ask(here, 3) is True
            here.abandon(message(3))
            own_redis.start()
            await shared(here)
            await shared(there)
            assert await ask(there, 1) == b""
            assert await ask(there, 2) == b"in the gap"
            assert await ask(there, 3) is True
            assert here.tally.decided_alone == 2

    asyncio.run(run())


def test_a_gateway_starts_without_it(own_redis: Server) -> None:
    """C1: down at the start."""

    async def run() -> None:
        own_redis.kill()
        async with node(own_redis.url) as here:
            assert here.report()["mode"] == "alone"
            assert await ask(here, 1) is True
            here.complete([message(1)], now())
            own_redis.start()
            await shared(here)
            async with node(own_redis.url, budget=1.0) as there:
                assert await ask(there, 1) == b""

    asyncio.run(run())


def test_one_that_lost_all_is_told_of_answers_still_to_come(own_redis: Server) -> None:
    """On disk here: nobody else may take a retry for new."""

    async def run() -> None:
        async with node(own_redis.url) as here, node(own_redis.url, budget=1.0) as there:
            assert await ask(here, 1) is True
            here.pending(message(1), now())
            here.lease(message(2).id, now() + 60_000)
            assert await ask(here, 3) is True
            here.pending(message(3), now())
            here.answer(message(3), b"at last", now())
            await heard(here)
            own_redis.say("FLUSHALL")
            await until(lambda: here.tally.forgotten == there.tally.forgotten == 1)
            await shared(here)
            await shared(there)
            assert await ask(there, 1) is False
            assert await ask(there, 2) is False
            assert await ask(there, 3) == b"at last"
            here.complete([message(1)], now())
            await heard(here)
            assert await ask(there, 1) == b""

    asyncio.run(run())


class Busy:
    """Claims of which many are completed while they are being listed."""

    def __init__(self, claims: Claims) -> None:
        """List these."""
        self._claims = claims
        self.meanwhile: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> Any:
        """Be them in all else."""
        return getattr(self._claims, name)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._claims)

    def done(self, part: int, parts: int) -> list[tuple[bytes, int, bytes]]:
        """List them, and let happen what happens meanwhile, once."""
        found = self._claims.done(part, parts)
        while self.meanwhile:
            self.meanwhile.pop()()
        return found


def test_what_overflows_while_all_is_told_is_told_too(
    own_redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the backlog holds is done during the merge."""
    monkeypatch.setattr(recovery, "_BACKLOG", 4)

    async def run() -> None:
        busy = Busy(Claims(1000, 1 << 20, now()))
        table = Redis(url=RedisUrl.parse(own_redis.url), budget=BUDGET, lease=4.0)
        here = RedisClaims(table, busy)
        many = [message(number) for number in range(10)]
        busy.meanwhile.append(lambda: here.complete(many, now()))
        await here.open()
        try:
            await shared(here)
            async with node(own_redis.url, budget=1.0) as there:
                assert [await ask(there, number) for number in range(10)] == [b""] * 10
        finally:
            await here.aclose()

    asyncio.run(run())


def test_nobody_waits_for_one_that_has_stopped(own_redis: Server) -> None:
    """C2: the budget at first, then not at all."""

    async def run() -> None:
        async with node(own_redis.url) as here:
            own_redis.pause()
            try:
                waits = [await timed(here, number) for number in range(40)]
                assert all(answer is True for answer, _ in waits)
                assert not here.is_shared
                # Three misses, each of the budget; a stop of this process itself is not counted.
                assert sum(wait > BUDGET * 0.9 for _, wait in waits) <= 3
            finally:
                own_redis.resume()
            await shared(here)
            async with node(own_redis.url, budget=1.0) as there:
                assert await ask(there, 7) is False or here.tally.late

    asyncio.run(run())


def test_one_that_answers_too_late_goes_out_of_use(redis_server: Server) -> None:
    """C2: and comes back when it is quick again."""

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos, node(chaos.url) as here:
            chaos.down = Manner(delay=0.2)
            for number in range(3):
                assert await ask(here, number) is True
            await until(lambda: not here.is_shared)
            assert here.tally.late == 3
            chaos.calm()
            await shared(here)
            assert await ask(here, 100) is True

    asyncio.run(run())


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_one_that_goes_silent_is_noticed_before_the_next_message(
    redis_server: Server, seconds: float
) -> None:
    """Half-open: with nobody asking, by the beat."""

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos, node(chaos.url) as here:
            await asyncio.sleep(seconds)
            chaos.down = Manner(silent=True)
            await until(lambda: not here.is_shared)
            chaos.calm()
            chaos.cut()
            await shared(here)

    asyncio.run(run())


def test_what_was_sent_twice_counts_once(redis_server: Server) -> None:
    """C7: a connection that ends at any byte, in either direction, makes no duplicate."""

    async def run() -> None:
        chaos, direct = Chaos(redis_server.port), node(redis_server.url, budget=10.0)
        async with chaos, direct as there, node(chaos.url, budget=10.0) as here:
            for number in range(60):
                cut = Manner(cut_at=(number // 2) * 41 % 700)
                if number % 2:
                    chaos.up = cut
                else:
                    chaos.down = cut
                asked = asyncio.ensure_future(ask(here, number))
                await asyncio.sleep(0)
                await asyncio.sleep(0.001)
                chaos.cut()
                chaos.calm()
                assert await asked is True
                assert await ask(there, number) is False
                here.complete([message(number)], now())
            await heard(here)
            assert [await ask(there, number) for number in range(60)] == [b""] * 60
            assert here.tally.reconnects > 30
            assert here.tally.failures == here.tally.late == 0

    asyncio.run(run())


ERRORS = [
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-BUSY Redis is busy running a script\r\n",
    b"-MISCONF Redis is configured to save RDB snapshots, but it's unable to persist\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    b"-NOREPLICAS Not enough good replicas to write.\r\n",
    b"-MASTERDOWN Link with MASTER is down\r\n",
    b"-CLUSTERDOWN The cluster is down\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-NOPERM User wxgate has no permissions to run the 'evalsha' command\r\n",
    b"-UNKNOWN nobody has heard of this one\r\n",
    b"+OK\r\n",
    b"*1\r\n$1\r\nx\r\n",
    b"*3\r\n$1\r\ne\r\n$1\r\nq\r\n*0\r\n",
    b":1\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00\xff\xfe" * 100,
    b"$99999999\r\n" + b"x" * 20_000_000,
    b"+OK\r\n+OK\r\n+OK\r\n",
]


@pytest.mark.parametrize("says", ERRORS, ids=lambda says: repr(says[:12]))
def test_no_error_and_no_garbage_counts_as_an_answer(says: bytes) -> None:
    """C5, C8: it goes out of use, says why, and the message is taken."""
    good = b"*3\r\n$5\r\nepoch\r\n$0\r\n\r\n*0\r\n"

    async def run() -> None:
        async with Fake(good) as fake, node(fake.url, budget=0.5) as here:
            assert here.is_shared
            fake.says = says
            assert await ask(here, 1) is True
            await until(lambda: not here.is_shared)
            assert here.report()["reason"]
            here.complete([message(1)], now())
            fake.says = good
            await shared(here)

    asyncio.run(run())


@pytest.mark.parametrize("says", ERRORS[-4:-2], ids=["http", "garbage"])
def test_a_server_of_another_kind_is_never_used(says: bytes) -> None:
    """Not even a greeting comes back."""

    async def run() -> None:
        async with Fake(says) as fake:
            fake.greets = False
            async with node(fake.url) as here:
                assert not here.is_shared
                assert str(fake.port) in str(here.report()["reason"])
                assert await ask(here, 1) is True

    asyncio.run(run())


def test_a_script_that_is_not_there_is_sent(each_redis: Server) -> None:
    """NOSCRIPT: nobody notices."""

    async def run() -> None:
        async with node(each_redis.url, budget=1.0) as here:
            for number in range(3):
                each_redis.say("SCRIPT", "FLUSH")
                assert await ask(here, number) is True
            assert here.tally.late == here.tally.failures == 0

    asyncio.run(run())


def test_a_full_server_is_out_of_use_until_there_is_room(each_redis: Server) -> None:
    """C6: OOM under noeviction."""

    async def run() -> None:
        async with node(each_redis.url, budget=1.0) as here:
            each_redis.configure(maxmemory=1)
            assert await ask(here, 1) is True
            await until(lambda: not here.is_shared)
            assert "OOM" in str(here.report()["reason"])
            here.complete([message(1)], now())
            each_redis.configure(maxmemory=0)
            await shared(here)
            async with node(each_redis.url, budget=1.0) as there:
                assert await ask(there, 1) == b""

    asyncio.run(run())


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_policy_that_drops_claims_is_warned_of(
    redis_server: Server, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    """C6: they all have a time to live, so volatile ones drop them too."""

    async def run() -> None:
        async with node(redis_server.url):
            pass

    redis_server.configure(maxmemory="100mb", maxmemory_policy=policy)
    asyncio.run(run())
    assert f"its maxmemory-policy is {policy}" in caplog.text


def test_a_replica_takes_no_claims(own_redis: Server, redis_server: Server) -> None:
    """C5: READONLY; found as one, or made one while it is in use."""

    async def run() -> None:
        async with node(own_redis.url, budget=1.0) as here:
            own_redis.say("REPLICAOF", "127.0.0.1", redis_server.port)
            assert await ask(here, 1) is True
            await until(lambda: not here.is_shared)
            await until(lambda: "is a replica" in str(here.report()["reason"]))
            own_redis.say("REPLICAOF", "NO", "ONE")
            await shared(here)

    asyncio.run(run())


def test_who_may_not_enter_says_so_and_shows_no_secret(own_redis: Server) -> None:
    """C5: NOAUTH and WRONGPASS; an ACL user with what ``docs/operations.md`` gives it suffices."""
    own_redis.say(
        *("ACL", "SETUSER", "wxgate", "on", ">very secret", "resetkeys", "~{wx}:*"),
        *("-@all", "+@connection", "+@scripting", "+get", "+set", "+del", "+pexpire"),
        *("+time", "+info"),
    )
    own_redis.say("ACL", "SETUSER", "default", "off")

    async def run() -> None:
        async with node(own_redis.url) as nobody:
            assert "NOAUTH" in str(nobody.report()["reason"])
        wrong = Secret("env:X", "wrong but secret")
        async with node(own_redis.url, user="wxgate", password=wrong) as impostor:
            assert "WRONGPASS" in str(impostor.report()["reason"])
            assert "secret" not in str(impostor.report())
        right = Secret("env:X", "very secret")
        async with node(own_redis.url, user="wxgate", password=right) as here:
            assert here.is_shared, here.report()
            assert await ask(here, 1) is True
            here.abandon(message(1))
            here.answer(message(2), b"x", now())
            await heard(here)
            assert here.tally.failures == 0

    asyncio.run(run())


@pytest.mark.slow
def test_a_failover_loses_nothing_that_was_known(replicated: Replicated) -> None:
    """C4: what the replica had not heard, the gateways tell it."""

    async def run() -> None:
        async with node(replicated.url) as here, node(replicated.url, budget=1.0) as there:
            assert here.is_shared, here.report()
            assert await ask(here, 1) is True
            here.complete([message(1)], now())
            await heard(here)
            replicated.lag()
            assert await ask(here, 2) is True
            here.complete([message(2)], now())
            await heard(here)
            replicated.primary.kill()
            replicated.replica.resume()
            old = replicated.primary.port
            await asyncio.to_thread(replicated.until_failed_over, old)
            await shared(here)
            await shared(there)
            assert [await ask(there, number) for number in (1, 2)] == [b"", b""]

    asyncio.run(run())


def test_a_message_whose_sender_hangs_up_is_nobodys(own_redis: Server) -> None:
    """G2: before the answer, and where none comes: the next try is new, here and elsewhere."""

    async def hung_up(claims: RedisClaims, number: int) -> None:
        asked = asyncio.ensure_future(ask(claims, number))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait({asked})

    async def run() -> None:
        async with node(own_redis.url) as here, node(own_redis.url, budget=1.0) as there:
            await hung_up(here, 1)
            await heard(here)
            assert await ask(there, 1) is True
            await hung_up(here, 2)
            await heard(here)
            assert await ask(here, 2) is True
            own_redis.pause()
            await hung_up(here, 3)
            await until(lambda: not here.is_shared)
            own_redis.resume()
            assert await ask(here, 3) is True

    asyncio.run(run())


def test_limits_that_a_reload_brings_are_asked_from_then_on(redis_server: Server) -> None:
    """Of concurrency here, and places that were not taken are not given back."""
    few = Rule("few", concurrency=1)

    class Full:
        """No place is left."""

        def admit(self, _: Any) -> tuple[int, int]:
            return (0, 1)

        def hold(self, _: Any) -> tuple[int, int]:
            return (0, 1)

        def note(self, _: Any) -> None:
            raise AssertionError

        def leave(self, _: Any) -> None:
            raise AssertionError

    async def run() -> None:
        async with node(redis_server.url, budget=1.0) as here:
            assert await ask(here, 1) is True
            here.limits = Full()
            assert await claimed(here.claim(limited(2, few), now())) == (0, 1)
            here.limits = None
            assert await ask(here, 2) is True

    asyncio.run(run())
