"""A short day: the gateway, the far end and the player as they are, and books that balance."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate.bench.day import books, carried, curve, stage
from wxgate.bench.day.books import Books
from wxgate.bench.day.carried import Played
from wxgate.bench.day.far_end import count
from wxgate.bench.day.meter import Marks
from wxgate.bench.day.tally import Taken, Tally
from wxgate.cli import main
from wxgate.cli.bench.day import _day, add
from wxgate.settings import load
from wxgate.sim.demo.world import Ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.server import Server

_SHORT = ("bench", "day", "--rate", "300", "--stretch", "0.2", "--json")


def day(*words: str) -> Books:
    """Play a short one by the command."""
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("sys.stdout.write", lines.append)
        main([*_SHORT, *words])
    return msgspec.json.decode(lines[0], type=Books)


@pytest.fixture(scope="module")
def played() -> Books:
    """A day of 600 messages in two seconds, played once."""
    return day("--messages", "600", "--forged", "0.1")


def test_what_went_in_was_acknowledged_and_arrived(played: Books) -> None:
    """Each message once, whatever strangers sent in between."""
    counts = played.seen.counts
    assert counts.messages == counts.acknowledged == played.accepted == 600
    assert (played.ids, played.arrived, played.lost) == (counts.messages, counts.messages, 0)
    assert counts.kept_out == counts.forged > 0
    assert played.repeated == counts.repeats == counts.repeats_alike > 0


def test_a_holiday_has_its_peak() -> None:
    """Ten times the mean in its busiest hour, and all of it arrives."""
    played = day("--messages", "300", "--holiday")
    assert played.peak == pytest.approx(10 * played.mean)
    fastest = max(leg.messages for leg in played.seen.legs)
    assert 5 < fastest / (played.seen.counts.messages / 24) <= 10.5
    assert (played.ids, played.lost) == (300, 0)


def test_a_day_in_real_time_takes_a_day() -> None:
    """Its mean is that of its messages over 24 hours, whatever this machine carries."""
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers())
    asked = _day(parser.parse_args(["day", "--real-time", "--messages", "864000", "--holiday"]))
    assert (asked.mean, asked.peak) == (10.0, curve.HOLIDAY)
    hours = curve.day(asked.messages, 10.0, asked.peak)
    assert sum(leg.seconds for leg in hours) == pytest.approx(86_400)


def test_a_day_to_a_stream_is_counted_by_who_reads_it(redis_server: Server) -> None:
    """All of it is appended and read once; claims and limits are in the same Redis, then gone."""
    address = f"{redis_server.url}/0"
    # So many that there is one: of 2 % there would be none in one run of 430.
    repeats = ("--retries", "0.1")
    played = day("--messages", "300", *repeats, "--to", "stream", "--redis", address, "--even")
    counts = played.seen.counts
    assert (played.to, played.state) == ("stream", "redis")
    assert counts.messages == counts.acknowledged == played.ids == played.arrived == 300
    assert played.repeated == counts.repeats > 0
    assert [hour.rate for hour in played.hours] == [played.mean] == [played.peak]
    redis = next(cost for cost in played.costs if cost.name == "redis")
    assert redis.cpu > 0
    assert redis.rss > 1
    assert redis_server.say("DBSIZE") == 0


def test_every_process_has_its_cost(played: Books) -> None:
    """CPU and memory of each."""
    names = {cost.name for cost in played.costs}
    assert names == {"gateway, parent", "gateway, worker 1", "far end", "player"}
    assert all(cost.rss > 1 for cost in played.costs)
    assert all(cost.cpu > 0 for cost in played.costs if cost.name != "gateway, parent")
    for sizes in played.sizes:
        assert set(sizes.mb) == names | {"journal"}
    assert played.sizes
    text = "\n".join(books.lines(played))
    assert "lost 0; arrived twice 0" in text
    assert "such days fit in a day" in text


def test_latencies_are_told_by_rate(played: Books) -> None:
    """As it was played, and at the rates at which twenty million come."""
    assert [one.name for one in played.rates] == ["mean", "peak", "holiday's peak"]
    assert [round(one.rate) for one in played.rates] == [231, 694, 2315]
    for one in played.rates:
        assert one.latency is not None
        assert sum(times for _, times in one.recorded) == one.latency.count
    quiet, mean, busy = played.hours
    assert quiet.rate < mean.rate < busy.rate <= played.peak
    assert mean.rate == pytest.approx(played.mean, rel=0.2)
    for one in (*played.rates, mean, busy):
        assert one.latency is not None
        assert one.latency.count > 0


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda day: {"ids": day.ids - 1}, "1 acknowledged messages did not arrive"),
        (lambda day: {"arrived": day.arrived + 2}, "2 events arrived twice"),
        (lambda day: {"ids": day.ids + 1}, "more arrived than was sent"),
        (lambda _: {"repeated": -1}, "the gateway recognised -1"),
        (
            lambda day: {"repeated": day.repeated + day.seen.counts.tried_again + 1},
            "the gateway recognised",
        ),
    ],
)
def test_books_that_do_not_balance(
    played: Books, spoil: Callable[[Books], dict[str, int]], line: str
) -> None:
    """Each disagreement has its line."""
    spoiled = msgspec.structs.replace(played, **spoil(played))
    assert any(line in fault for fault in books.faults(spoiled))


def test_the_far_end_knows_a_message_again() -> None:
    """In a batch or alone, its id a number or a text; pushes and payments and runs apart."""
    tally = Tally()
    push = (1_764_000_000 << 28) + 7
    count(tally, b'[{"data":{"MsgId":%d}},{"subject":"o","data":{"MsgId":"%d"}}]' % (push, push))
    count(tally, b'{"subject":"L17640000000000000007","data":{"mchid":"1900000001"}}')
    assert tally.taken(ids=False) == Taken(events=3)
    assert tally.taken(ids=True) == tally.taken(ids=True) == Taken(events=3, ids=2)
    count(tally, b'{"data":{"MsgId":%d}}' % (push + (1 << 28)))
    count(tally, b'{"data":{"MsgId":%d}}' % (push + 20_000_000))
    assert tally.taken(ids=True) == Taken(events=5, ids=4)


def test_the_far_end_refuses_what_the_player_did_not_send() -> None:
    """It would count nothing."""
    with pytest.raises(ValueError, match="invalid literal"):
        count(Tally(), b'{"subject":"somebody else","data":{}}')


def test_sizes_are_seen_after_each_tenth_and_the_first_million() -> None:
    """Once each, at the first look after it."""
    marks = Marks(20_000_000, lambda: {"far end": 5.0})
    for messages in range(0, 20_000_000, 400_000):
        marks.look(messages)
    seen = [one.messages for one in marks.seen]
    assert seen == [1_200_000, *range(2_000_000, 20_000_000, 2_000_000)]
    assert marks.seen[0].mb == {"far end": 5.0}


def machine(
    capacity: float, spoiled: dict[str, int], seen: Books
) -> tuple[carried.Stretch, list[float]]:
    """A machine that carries so many messages a second, and fails in one way beyond that."""
    asked: list[float] = []
    assert seen.seen.latency is not None
    calm = msgspec.structs.replace(
        seen.seen,
        slip=msgspec.structs.replace(seen.seen.slip, share=0.0),
        latency=msgspec.structs.replace(seen.seen.latency, p99=1.0),
        counts=msgspec.structs.replace(
            seen.seen.counts, refused=0, unanswered=0, broken=0, denied=0
        ),
    )

    async def stretch(rate: float, seconds: float) -> Played:
        asked.append(rate)
        # What goes well for two seconds need not for ten.
        over = rate > capacity * (1.0 if seconds < 5 else 0.6)
        counts = msgspec.structs.replace(calm.counts, **spoiled) if over else calm.counts
        late = seconds if over and not spoiled else 0.0
        return Played(msgspec.structs.replace(calm, counts=counts), late)

    return stretch, asked


@pytest.mark.parametrize("spoiled", [{"refused": 1}, {"unanswered": 1}, {"denied": 1}, {}])
def test_what_is_carried_is_found_and_then_held_for_long(
    played: Books, spoiled: dict[str, int]
) -> None:
    """A fifth below what short stretches say, and down from there until a long one holds."""
    stretch, asked = machine(5000.0, spoiled, played)
    found = asyncio.run(carried.peak(stretch, lambda _: None))
    assert 3000 * 0.85 < found <= 3000
    assert found == asked[-1]
    assert 5000 < max(asked) < 5000 * 1.6


def test_a_machine_that_carries_nothing(played: Books) -> None:
    """It is said, not played."""
    stretch, _ = machine(10.0, {"refused": 1}, played)
    with pytest.raises(ValueError, match="does not carry 250 messages a second"):
        asyncio.run(carried.peak(stretch, lambda _: None))


def test_a_closed_loop_says_how_fast_a_day_can_be(played: Books) -> None:
    """A fifth below what a rush took, over as many connections as are not refused."""
    rushes: list[tuple[int, int]] = []

    async def rush(messages: int, connections: int) -> Played:
        rushes.append((messages, connections))
        refused = messages // 50 if connections > most else 0
        counts = msgspec.structs.replace(played.seen.counts, messages=messages, refused=refused)
        seen = msgspec.structs.replace(played.seen, counts=counts, seconds=messages / 10_000)
        return Played(seen, messages / 10_000)

    most = 20
    rate, connections = asyncio.run(carried.fastest(rush, 64, lambda _: None))
    assert rate == pytest.approx(5000 * 0.8)
    assert connections == 16
    assert rushes == [(20_000, 64), (100_000, 64), (100_000, 32), (100_000, 16)]
    most = 3
    with pytest.raises(ValueError, match="too busy"):
        asyncio.run(carried.fastest(rush, 64, lambda _: None))


def test_limits_are_on_and_never_deny_a_day(tmp_path: Path) -> None:
    """By user and by account, both far above what a machine carries."""
    world = stage.build(tmp_path, Ports(1, 2, 3), stage.Setting())
    limits = load(world.config).limit
    assert [limit.per for limit in limits] == ["openid", "account"]
    assert {limit.rate for limit in limits} == {"1000000/s"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--to", "stream"], "a stream is in Redis: give its address with --redis"),
        (["--redis", "redis+cluster://h"], "one server is measured"),
        (["--redis", "http://h"], "redis://127.0.0.1:6379/0"),
    ],
)
def test_what_cannot_be_played(
    capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    """Exit code 2, and what to give instead."""
    assert main([*_SHORT, *words]) == 2
    assert reason in capsys.readouterr().err
