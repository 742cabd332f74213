"""``docs/capacity.md``: what ``benches/results.json`` says, turned into advice."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fleets
from reckoning import (
    DAY_S,
    HOLIDAY,
    HOLIDAY_LOAD,
    PAYMENTS,
    PEAK,
    PEAK_LOAD,
    REDIS_HOLIDAY_LOAD,
    REDIS_LOAD,
    Model,
)
from tables import PRIMARIES, primaries, size, table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benches/results.json"

DAYS = (1_000_000, 20_000_000, 200_000_000, 2_000_000_000, 20_000_000_000)
"""Messages a day for which machines are counted."""
CORES = 4
"""Of the machines that are counted."""
_FULL_SPEED = {
    "service": "gateway, to a service",
    "stream": "gateway, claims in a Redis, to a stream",
    "redis": "that Redis, without the stream's reader",
}
_NAMES = {"gateway": "gateway", "far_end": "what takes them", "redis": "Redis", "player": "player"}

PAGE = """\
<!-- Made by `make docs` from benches/results.json, which `make bench` writes. -->

# Capacity

How many machines, which Redis, which disks: reckoned from what was measured, so that it can be
checked and, with `make bench` on your own machine, made yours. Measured on {machine}, {cores}
cores, on {when}, commit {commit}.
The measurements are in [RESULTS](../benches/RESULTS.md).

## What was measured

{parameters}
A *day's* message is one of a mix of texts of which some are long, pictures, events and payments;
one *at full speed* is a text. All are verified, opened, claimed, synced to disk and delivered in
batches. With little to do a message costs several times as much, since it has a turn of the loop,
a sync and a delivery of its own; that time is idle anyway, and shrinks as messages come closer
together. So machines are counted by what a message cost {source}.

## Machines for N messages a day

{machines}
The day's busiest hour is taken to have {peak:g} times the mean rate, a holiday's {holiday:g}
times. Cores are those of gateways alone, and not as a monitor shows them: so many that
{peak_load:.0%} of what they can is asked for in the busiest hour and at most
{holiday_load:.0%} on a holiday, whichever takes more. There are two gateways at
least: one may be lost or updated. [Redis](#redis) has how primaries are counted.

A message cost a gateway of one worker {cost:.0f} µs {source}. Where two workers share a machine
(`server.workers`), and the memory in which their claims are, one at full speed cost {by_two:.0f} µs
and with one worker, in the same run, {by_one:.0f}. So {shared:.0f} µs are reckoned there, {two:.2f}
times as much. **More than two workers on a machine were not measured**: machines of {workers}, and
nodes of more, are extrapolated from two.

One worker has {reserve}. Up to there one worker is
best: its journal keeps a user's messages in order, its syncs are shared by more messages. Beyond it
take a worker for each core that the gateway may use, and more machines with a Redis once there are
no more cores.

### What a monitor shows

{seen}
One worker and its threads, on a mix of messages: the fewer there are, the more each costs. **CPU
use is no gauge of headroom**: from 3,000 messages a second to {carried:,.0f} it hardly grows, for
what comes together is handled together. And the *cores* above are not what a monitor shows, but
what messages cost when there are many. What is a gauge:

- the rate (`wxgate_accepted_total`, over time) beside the rate that `wxgate bench load` finds your
  machine to carry;
- `pressed` under `overload` in `/readyz`: the event loop has more to do than it can, and messages
  queue. Now and then is a burst, most of the time is the end;
- `code="admit.overloaded"` in `wxgate_refused_total`: past the end.

The highest rate at which one worker refused nothing, with the player and the service on the same
{cores} cores, was {carried:,.0f} messages a second: a floor, not the base of this reckoning.

## Memory

A worker takes {worker:.0f} MB to begin with, {claim:.0f} bytes for each message that it remembers
as done (a minute's worth, and payments for 25 hours: `state.max_claims`), and {waiting:.0f} bytes
for each that waits for its destination, the claim included. A million waiting take {million:.0f}
MB.{worker_day}

## Disks

A message takes {journal:,.0f} bytes of journal until its segment is done with. The journal writes
in groups, one sync each, so what counts is how long a sync takes and not how many messages come;
where *G* groups a second can be synced, an acknowledgement waits for about *1/G*.
`journal.retain` keeps what is done for replay:

{disks}
Take local NVMe or a network disk whose syncs take less than 2 ms; `wxgate bench day` tells what
comes of yours. `journal.max_bytes` (8 GiB by default) bounds what may wait: {outage}.

## Redis

{redis}
{fleet}"""


REDIS = """\
A message cost the Redis {cost:.1f} µs of CPU {source}{all_of_it}.
One primary does its work on one core. At that cost it has {most:,.0f} messages a second at
{load:.0%}, the busiest hour of {millions:,.0f} million a day, and {holiday_most:,.0f} at
{holiday_load:.0%}, a holiday's peak of {holiday_millions:,.0f} million, which is the less.
{by_rate}
In it lie a minute's claims, those of payments for 25 hours, users' limits, and what the
stream's groups have not finished: {stored:,.0f} bytes a message at most as measured, so {claims}
for the claims of 20 million a day with {payments:.0%} payments. Without persistence it forgets at a
restart, and what was sent before is then not recognised; what a stream lost is appended again from
the journal. Put streams on a Redis of their own (`[stream.NAME] redis`) before claims get a second
one.

"""
BY_RATE = """
The fewer messages come to a worker, the fewer go together in a call, and the more each costs:

{table}
With everything on, as in the day; one worker alone at that Redis. Primaries are counted on this
page by what each worker has then, but for no less than what the day cost.
"""


def page() -> str:
    """The page, from the results of the last ``make bench``."""
    seen = json.loads(RESULTS.read_text())
    model = Model(seen)
    most = 1e6 * PEAK_LOAD / model.cost
    journal, waiting = seen["journal_bytes"], seen["waiting_bytes"]
    return PAGE.format(
        **{name: seen[name] for name in ("machine", "cores", "when", "commit", "carried")},
        parameters=_parameters(seen),
        machines=_machines(model),
        peak=PEAK,
        holiday=HOLIDAY,
        peak_load=PEAK_LOAD,
        holiday_load=HOLIDAY_LOAD,
        cost=model.cost,
        shared=model.shared,
        two=model.two,
        by_one=seen["growth"]["workers"]["1"],
        by_two=seen["growth"]["workers"]["2"],
        workers=CORES,
        source=_source(seen),
        reserve=f"{most:,.0f} messages a second at {PEAK_LOAD:.0%} of what it can",
        seen=_seen(seen["curve_us"]),
        worker=seen["worker_mb"],
        claim=seen["claim_bytes"],
        waiting=waiting,
        million=seen["worker_mb"] + waiting,
        worker_day=_worker(seen),
        journal=journal,
        disks=_disks(journal),
        outage=_outage(journal),
        redis=_redis(model),
        fleet=fleets.section(model),
    )


def _source(seen: dict[str, Any]) -> str:
    """Of which run the costs are that are counted with."""
    if "day" not in seen:
        return "at full speed"
    return "in a whole day"


def _parameters(seen: dict[str, Any]) -> str:
    fast = seen["full_speed_us"]
    rows = list(_whole_day(seen))
    rows += [
        (f"CPU a message at full speed: {what}", f"{fast[name]:.0f} µs")
        for name, what in _FULL_SPEED.items()
        if name in fast
    ]
    for to, costs in seen["day_us"].items():
        for name, cost in (costs or {}).items():
            rate = f"{seen['day_rates'][to]:,.0f} messages/s"
            rows.append((f"a day's at {rate}, to a {to}: {_NAMES[name]}", f"{cost:.0f} µs"))
    for name, one in seen["latency_ms"].items():
        what = f"acknowledged at {one['rate']:,.0f}/s ({name} of 20,000,000 a day)"
        rows.append((what, f"p50 {one['p50']:.2f} ms, p99 {one['p99']:.2f} ms"))
    return table(("", "measured"), rows)


def _whole_day(seen: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, cost in (Model(seen).day or {}).items():
        day = seen["day"]
        rate = day["counts"]["messages"] / day["seconds"]
        what = f"CPU a message in a whole day, {rate:,.0f} a second to a stream: {_NAMES[name]}"
        yield what, f"{cost:.1f} µs"


def _worker(seen: dict[str, Any]) -> str:
    """What a worker had in a whole day."""
    if "day" not in seen:
        return ""
    sizes = seen["day"]["worker_mb"].items()
    told = ", ".join(f"{size:.0f} after {int(count):,}" for count, size in sizes)
    return f" In a whole day it had, in MB: {told} messages."


def _seen(curve: dict[str, float]) -> str:
    """What a monitor shows of one worker, by messages a second."""
    rows = [
        (f"{int(rate):,}", f"{cost:.0f} µs", f"{int(rate) * cost / 1e4:.0f}%")
        for rate, cost in curve.items()
    ]
    return table(("messages/s", "CPU a message", "of a core"), rows)


def _machines(model: Model) -> str:
    rows = []
    for messages in DAYS:
        mean = messages / DAY_S
        rates = (f"{mean * times:,.0f}" for times in (1.0, PEAK, HOLIDAY))
        alone, together = (model.cores(mean, cost) for cost in (model.cost, model.shared))
        gateways, machines = (max(2, math.ceil(many)) for many in (alone, together / CORES))
        counts = (f"{gateways:,}", f"{machines:,}", *primaries(model, mean, gateways))
        rows.append((f"{messages:,}", *rates, f"{alone:,.1f}", *counts))
    head = (
        *("messages a day", "mean/s", "busiest hour/s", "holiday/s", "cores, one worker each"),
        *("gateways of one worker", f"or machines of {CORES} workers", *PRIMARIES),
    )
    return table(head, rows)


def _disks(journal: float) -> str:
    rows = []
    for messages in DAYS[:4]:
        rate = messages / DAY_S * HOLIDAY * journal
        rows.append((f"{messages:,}", size(messages * journal), f"{rate / 1e6:,.1f} MB/s"))
    return table(("messages a day", "kept for a day, all machines", "written on a holiday"), rows)


def _outage(journal: float) -> str:
    room = 8192 * 2**20 / journal
    hours = room / (20_000_000 / DAY_S) / 3600
    return (
        f"some {room / 1e6:,.0f} million messages a machine, {hours:,.0f} hours of 20 million a day"
    )


def _redis(model: Model) -> str:
    cost, stored = model.redis, model.seen["redis_bytes"]
    if cost is None or stored is None:
        return "Not measured: there was no Redis or Valkey in the run.\n\n"
    most, holiday = (1e6 * load / cost for load in (REDIS_LOAD, REDIS_HOLIDAY_LOAD))
    claims = model.claims(20_000_000 / DAY_S)
    return REDIS.format(
        cost=cost,
        source=_source(model.seen),
        all_of_it=_ALL_OF_IT if model.day else "",
        most=most,
        load=REDIS_LOAD,
        millions=most / PEAK * DAY_S / 1e6,
        holiday_most=holiday,
        holiday_load=REDIS_HOLIDAY_LOAD,
        holiday_millions=holiday / HOLIDAY * DAY_S / 1e6,
        by_rate=_by_rate(model.seen.get("redis_us", {})),
        stored=stored,
        claims=size(claims * stored),
        payments=PAYMENTS,
    )


_ALL_OF_IT = (
    ", for its claim and its completion, two\n"
    "limits, its append to a stream, and a group that reads it"
)


def _by_rate(costs: dict[str, float]) -> str:
    if not costs:
        return ""
    rows = [(f"{int(rate):,}", f"{cost:.0f} µs") for rate, cost in costs.items()]
    return BY_RATE.format(
        table=table(("messages/s of a worker", "CPU of the Redis a message"), rows)
    )
