"""Fleets at their size: what the capacity page counts on, and that the bench would notice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest
from servers.flavour import VALKEY_9
from wxgate.bench.fleet import passing, tries
from wxgate.bench.fleet.account import NOT_PLAYED, faults, lines
from wxgate.bench.fleet.gateways import Clock, standing
from wxgate.bench.fleet.play import SIZES, Fleet, Fleets, play
from wxgate.cli import main
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.work.connect import close, connect

if TYPE_CHECKING:
    from servers.fixtures import Servers
    from servers.server import Server


def holds(played: Fleet) -> None:
    """What is true of a fleet of any size."""
    ring, known, passed = played.ring, played.known, played.passed
    assert ring.moved == ring.least, "only what the lost node had"
    assert 0 < ring.joined < 2 / (played.nodes + 1)
    # 65,537 slots, each of which is some node's, and keys that fall into them at random.
    assert ring.busiest < 1 + 5 * ring.spread
    assert known.repeats >= known.elsewhere > known.repeats * 0.8
    assert known.alone == known.repeats - known.elsewhere
    assert passed.parts_over <= 1


def holds_together(played: Fleet) -> None:
    """What is true of nodes that share a Redis, of which none had to decide by itself."""
    known, passed = played.known, played.passed
    assert (played.late, played.apart) == (0, 0)
    assert (known.shared, known.lost) == (known.repeats, 0)
    # Most come once the first try is done, which its node has told the store.
    assert known.open is not None
    assert 0 < known.open < known.repeats / 2
    assert passed.shared_over is not None
    # How near it comes is a matter of when it is asked; `test_limit_laws` is about that.
    assert 0.5 < passed.shared_over <= 1
    assert passed.shared_under == 1


@pytest.fixture(scope="module")
def small(servers: Servers) -> Fleets:
    """Two of them, with a tenth of the messages."""
    return play(SIZES[:2], scale=0.1, redis=servers(VALKEY_9).url)


def test_a_small_fleet(small: Fleets) -> None:
    """Balance, movement, retries at other nodes, limits."""
    for one in small.fleets:
        holds(one)
        holds_together(one)
    ten, hundred = (one.ring for one in small.fleets)
    assert ten.busiest < 1.1
    assert hundred.busiest < 1.4
    assert faults(small) == []


def test_a_claim_is_some_tens_of_bytes(small: Fleets) -> None:
    """As the configuration's page says."""
    assert 20 < small.claim_bytes < 60


@pytest.mark.slow
def test_a_thousand_nodes(redis_server: Server) -> None:
    """Each has some 65 slots of the ring: the fullest has half as much again as the mean."""
    (large,) = play(SIZES[2:], scale=1.0, redis=redis_server.url).fleets
    holds(large)
    holds_together(large)
    assert 1.2 < large.ring.busiest < 1.7
    assert large.passed.parts_under < 0.9, "a part of one a second is no limit to live with"


def test_nothing_is_said_of_a_redis_that_there_is_not() -> None:
    """Neither that repetitions are known, nor that limits hold."""
    played = play(SIZES[:1], scale=0.1)
    (fleet,) = played.fleets
    holds(fleet)
    assert (fleet.known.shared, fleet.passed.shared_over, fleet.late) == (None, None, None)
    assert faults(played) == []
    told = list(lines(played))
    assert sum(line.endswith(f"with a Redis {NOT_PLAYED}") for line in told) == 3


def test_nodes_whose_redis_dies_decide_by_themselves_and_that_is_counted(own_redis: Server) -> None:
    """Then repetitions at other nodes are new, as they are to nodes that share nothing."""

    async def run() -> tuple[tries.Taken, int]:
        async with standing(5, own_redis.url) as fleet:
            own_redis.kill()
            # Sent as one, each is new: the second try only where it came to the same node.
            taken = await tries.send(fleet.claims, [[(1, 0), (1, 1), (2, 2)], [(1, 0)]])
            counted = fleet.late + fleet.alone
            own_redis.start()
            return taken, counted

    taken, counted = asyncio.run(run())
    assert taken.by == {1: 2, 2: 1}
    known = tries.together(tries.Known(messages=3, repeats=2, elsewhere=1, alone=1), taken)
    assert (known.shared, known.open, known.lost) == (1, 1, 1)
    assert counted == 3


def test_the_clock_of_limits_is_moved_and_not_waited_for(redis_server: Server) -> None:
    """To where the store goes on from; never back."""
    hour = 3_600_000_000

    async def run() -> list[int]:
        client = connect(RedisPlace(url=RedisUrl.parse(redis_server.url)), 5.0)
        clock = Clock(client, "wxtest")
        times = [await clock.now()]
        for aim in (times[0] + hour, times[0]):
            await clock.reach(aim)
            times.append(await clock.now())
        await close(client)
        return times

    began, moved, later = asyncio.run(run())
    assert began + hour <= moved <= later


def test_the_store_counts_by_the_clock_that_is_moved(redis_server: Server) -> None:
    """A burst, and after a second of that clock a second's rate; all under one limit."""
    first = [(0, at % 2) for at in range(passing.BURST + 200)]
    more = [(1_000_000, at % 2) for at in range(passing.RATE + 200)]

    async def run(coming: passing.Arrivals) -> float:
        async with standing(2, redis_server.url) as fleet:
            return await passing.together(fleet, coming, "user")

    assert asyncio.run(run(first)) <= 1
    assert 0.5 < asyncio.run(run(first + more)) <= 1


def wrong(small: Fleets, what: str, **changes: object) -> list[str]:
    """What is said of the smaller fleet if it had come out otherwise."""
    fleet = small.fleets[0]
    part = getattr(fleet, what, fleet)
    changed = msgspec.structs.replace(part, **changes)
    one = changed if part is fleet else msgspec.structs.replace(fleet, **{what: changed})
    return faults(msgspec.structs.replace(small, fleets=[one]))


@pytest.mark.parametrize(
    ("what", "changes", "said"),
    [
        ("ring", {"moved": 0.5, "least": 0.1}, "50.00% of the keys moved, 10.00% had to"),
        ("known", {"repeats": 9, "shared": 8, "elsewhere": 0, "alone": 0}, "1 were not known"),
        ("known", {"alone": 10**6}, "nodes by themselves knew of messages of others"),
        ("known", {"lost": 2}, "2 messages were taken by nobody"),
        ("", {"late": 20, "apart": 4}, "24 messages were decided on without the Redis"),
        ("passed", {"parts_over": 1.01}, "in parts 101.00% of what a limit allows passed"),
        ("passed", {"shared_over": 1.01}, "101.00% of what a limit allows passed"),
        ("passed", {"shared_under": 0.99}, "only 99.00% passed of what is under a limit"),
    ],
)
def test_what_does_not_hold_is_said(
    small: Fleets, what: str, changes: dict[str, object], said: str
) -> None:
    """Whatever it is, of which fleet."""
    (reason,) = wrong(small, what, **changes)
    assert reason.startswith("10 nodes: ")
    assert said in reason


def test_the_command_says_what_came_of_it(
    redis_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """In lines, or as JSON; and leaves nothing behind."""
    words = ["bench", "fleet", "--nodes", "4", "--scale", "0.01", "--redis", redis_server.url]
    assert main([*words, "--json"]) == 0
    played = msgspec.json.decode(capsys.readouterr().out, type=Fleets)
    holds_together(played.fleets[0])
    assert redis_server.say("DBSIZE") == 0
    assert main(words) == 0
    assert "decided without it 0 late, 0 while it was away" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "--redis: expected an address"),
        ("redis+cluster://127.0.0.1", "--redis: one server is asked"),
        ("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0 cannot be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    address: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a reason."""
    assert main(["bench", "fleet", "--nodes", "2", "--scale", "0.01", "--redis", address]) == 2
    assert said in capsys.readouterr().err
