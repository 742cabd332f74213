"""``docs/capacity.md``: what ``benches/results.json`` says, turned into advice."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benches/results.json"

DAYS = (1_000_000, 20_000_000, 200_000_000, 2_000_000_000, 20_000_000_000)
"""Messages a day for which machines are counted."""
FLEET_DAY = 20_000_000_000
PEAK, HOLIDAY = 3.0, 10.0
"""The busiest hour over the mean, as `wxgate bench day` has them."""
PEAK_LOAD, HOLIDAY_LOAD = 0.5, 0.8
"""How busy processors may be then: at more than half, waiting shows in the 99th percentile."""
CORES = 4
"""Of the machines that are counted."""
REDIS_LOAD = 0.6
PAYMENTS = 0.05
PAY_LIFE_S, LIFE_S = 25 * 3600, 60
_DAY_S = 86_400
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
cores, on {when}, commit {commit}; the measurements are in [RESULTS](../benches/RESULTS.md).

## What was measured

{parameters}
A *day's* message is one of a mix of texts of which some are long, pictures, events and payments;
one *at full speed* is a text. All are verified, opened, claimed, synced to disk and delivered in
batches. With little to do a message costs several times as much, since it has a turn of the loop,
a sync and a delivery of its own; that time is idle anyway, and shrinks as messages come closer
together. So machines are counted by what a message costs at full speed.

## Machines for N messages a day

{machines}
The day's busiest hour is taken to have {peak:g} times the mean rate, a holiday's {holiday:g}
times. Cores are those of gateways alone, reckoned at full speed and not as a monitor shows them: so
many that {peak_load:.0%} of what they can is asked for in the busiest hour and at most
{holiday_load:.0%} on a holiday, whichever takes more. There are two gateways at
least: one may be lost or updated.

A message costs a gateway of one worker {cost:.0f} µs, and {shared:.0f} µs where two workers share a
machine (`server.workers`) and the memory in which their claims are. One worker has
{reserve}. Up to there one worker is best: its
journal keeps a user's messages in order, its syncs are shared by more messages. Beyond it take a
worker for each core that the gateway may use, and more machines with a Redis once there are no more
cores.

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
MB.

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
## A fleet

A load balancer brings calls to any node. Nodes share claims and limits through a Redis, and
nothing else: each has its journal. So a fleet's cost is that of its nodes, and what could spoil
it is what nodes have in common. This was played at full size, with the code that gateways run
(`wxgate.bench.fleet`): the ring of an upstream of so many nodes, claims of messages whose retries
come to any node, limits of an account whose messages come to all nodes.

{fleets}
- *Fullest node*: of an upstream of so many nodes, the one with most keys, over the mean. Nodes
  compete for 65,537 slots, so at 1,000 each has some 65 and chance shows. Size an upstream's
  nodes for that one.
- *Moved*: the keys that another node gets when one is lost, which are those that it had and no
  others, and when one is added, beside what must move.
- *Known alone*: repetitions that nodes would recognise without a Redis, when they come to any
  node. With one all of them are. Have the load balancer bring a sender back to its node, or
  share.
- *In parts*: what passes a limit of 1,000 a second of which 800 come, if each node keeps to its
  part of it because there is no Redis, or it is away (`state.nodes`). Limits of fewer than some
  100 a second a node want a Redis.

{day:,} messages a day, {fleet_mean:,.0f} a second in the mean, {fleet_peak:,.0f} in the busiest
hour and {fleet_holiday:,.0f} on a holiday, on fleets of so many nodes:

{model}
*Cores a node* are as above, with several workers on each. *Redis primaries*: all keys of a fleet
are in one slot ([decision 19](decisions/0019-shared-claims.md)), so that a primary that is to be
{redis_load:.0%} busy in the busiest hour has so many messages a second and no more. Beyond it
take several fleets, each with its own `prefix` and Redis, and give each its accounts: claims and
limits never span accounts of different owners. A primary is also asked by each worker on its own,
so that beyond some 150 workers at 50,000 messages a second and more calls wait longer than the 20
ms of `budget`: the same decision has the table. *Claims*: what a node remembers in the busiest
hour, and its payments of 25 hours.
"""


REDIS = """\
At full speed a message costs the Redis {cost:.0f} µs of CPU: its claim, its completion, its append
to a stream; limits and the stream's readers come on top. One primary does its work on one core:
{most:,.0f} messages a second at {load:.0%}, which is the busiest hour of {millions:,.0f} million
a day. In it lie a minute's claims, those of payments for 25 hours, users' limits, and what the
stream's groups have not finished: {stored:,.0f} bytes a message at most as measured, so {claims}
for the claims of 20 million a day with {payments:.0%} payments. Without persistence it forgets at a
restart, and what was sent before is then not recognised; what a stream lost is appended again from
the journal. Put streams on a Redis of their own (`[stream.NAME] redis`) before claims get a second
one.

"""


@dataclass(frozen=True, slots=True)
class Model:
    """What follows from the figures measured."""

    seen: dict[str, Any]

    @property
    def cost(self) -> float:
        """µs of CPU a message at full speed, with one worker, to the dearer destination."""
        costs: dict[str, float] = self.seen["full_speed_us"]
        return max(costs["service"], costs.get("stream", 0.0))

    @property
    def redis(self) -> float | None:
        """µs of a Redis' CPU a message then: claims, a stream."""
        costs: dict[str, float] = self.seen["full_speed_us"]
        return costs.get("redis")

    @property
    def shared(self) -> float:
        """The same where workers share a machine, and the memory of their claims."""
        return max(self.cost, float(self.seen["growth"]["workers"]["2"]))

    def cores(self, mean: float, cost: float) -> float:
        """Cores for a mean rate (messages a second), at so many µs a message."""
        peak = mean * PEAK * cost / 1e6 / PEAK_LOAD
        holiday = mean * HOLIDAY * cost / 1e6 / HOLIDAY_LOAD
        return max(peak, holiday)

    def primaries(self, mean: float) -> int:
        """Redis primaries, each of a fleet of its own, for a mean rate."""
        return max(1, math.ceil(mean * PEAK * (self.redis or 0.0) / 1e6 / REDIS_LOAD))

    def claims(self, mean: float) -> float:
        """What a node at this mean rate remembers, in messages."""
        return mean * PEAK * LIFE_S + mean * PAYMENTS * PAY_LIFE_S


def page() -> str:
    """The page, from the results of the last ``make bench``."""
    seen = json.loads(RESULTS.read_text())
    model = Model(seen)
    mean = FLEET_DAY / _DAY_S
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
        reserve=f"{most:,.0f} messages a second at {PEAK_LOAD:.0%} of what it can",
        seen=_seen(seen["curve_us"]),
        worker=seen["worker_mb"],
        claim=seen["claim_bytes"],
        waiting=waiting,
        million=seen["worker_mb"] + waiting,
        journal=journal,
        disks=_disks(journal),
        outage=_outage(journal),
        redis=_redis(model),
        fleets=_fleets(seen["fleets"]),
        day=FLEET_DAY,
        fleet_mean=mean,
        fleet_peak=mean * PEAK,
        fleet_holiday=mean * HOLIDAY,
        model=_model(model),
        redis_load=REDIS_LOAD,
    )


def _parameters(seen: dict[str, Any]) -> str:
    fast = seen["full_speed_us"]
    rows = [
        (f"CPU a message at full speed: {what}", f"{fast[name]:.0f} µs")
        for name, what in _FULL_SPEED.items()
        if name in fast
    ]
    for to, costs in seen["day_us"].items():
        for name, cost in (costs or {}).items():
            what = f"the same at {seen['day_rates'][to]:,.0f} messages/s, to a {to}: {_NAMES[name]}"
            rows.append((what, f"{cost:.0f} µs"))
    for name, one in seen["latency_ms"].items():
        what = f"acknowledged at {one['rate']:,.0f}/s ({name} of 20,000,000 a day)"
        rows.append((what, f"p50 {one['p50']:.2f} ms, p99 {one['p99']:.2f} ms"))
    return _table(("", "measured"), rows)


def _seen(curve: dict[str, float]) -> str:
    """What a monitor shows of one worker, by messages a second."""
    rows = [
        (f"{int(rate):,}", f"{cost:.0f} µs", f"{int(rate) * cost / 1e4:.0f}%")
        for rate, cost in curve.items()
    ]
    return _table(("messages/s", "CPU a message", "of a core"), rows)


def _machines(model: Model) -> str:
    rows = []
    for messages in DAYS:
        mean = messages / _DAY_S
        rates = (f"{mean * times:,.0f}" for times in (1.0, PEAK, HOLIDAY))
        alone, together = (model.cores(mean, cost) for cost in (model.cost, model.shared))
        counts = (f"{max(2, math.ceil(many)):,}" for many in (alone, together / CORES))
        rows.append((f"{messages:,}", *rates, f"{alone:,.1f}", *counts))
    head = (
        *("messages a day", "mean/s", "busiest hour/s", "holiday/s", "cores, one worker each"),
        *("gateways of one worker", f"or machines of {CORES} workers"),
    )
    return _table(head, rows)


def _disks(journal: float) -> str:
    rows = []
    for messages in DAYS[:4]:
        rate = messages / _DAY_S * HOLIDAY * journal
        rows.append((f"{messages:,}", _size(messages * journal), f"{rate / 1e6:,.1f} MB/s"))
    return _table(("messages a day", "kept for a day, all machines", "written on a holiday"), rows)


def _outage(journal: float) -> str:
    room = 8192 * 2**20 / journal
    hours = room / (20_000_000 / _DAY_S) / 3600
    return (
        f"some {room / 1e6:,.0f} million messages a machine, {hours:,.0f} hours of 20 million a day"
    )


def _redis(model: Model) -> str:
    cost = model.redis
    if cost is None:
        return "Not measured: there was no Redis or Valkey in the run.\n\n"
    stored = model.seen["redis_bytes"]
    most = 1e6 * REDIS_LOAD / cost
    day = 20_000_000
    claims = model.claims(day / _DAY_S)
    return REDIS.format(
        cost=cost,
        most=most,
        load=REDIS_LOAD,
        millions=most / PEAK * _DAY_S / 1e6,
        stored=stored,
        claims=_size(claims * stored),
        payments=PAYMENTS,
    )


def _fleets(fleets: list[dict[str, Any]]) -> str:
    rows = []
    for one in fleets:
        ring, known, limited = one["ring"], one["recognition"], one["limited"]
        rows.append(
            (
                f"{one['nodes']:,}",
                f"{ring['busiest']:.2f}",
                f"{ring['moved']:.2%} of {ring['least']:.2%}",
                f"{ring['joined']:.2%} of {1 / (one['nodes'] + 1):.2%}",
                f"{known['alone'] / known['repeats']:.1%}",
                f"{known['shared'] / known['repeats']:.0%}",
                f"{limited['parts_under']:.0%}",
                f"{limited['shared_under']:.0%}",
            )
        )
    head = (
        *("nodes", "fullest node", "moved, one lost", "moved, one added", "known alone"),
        *("known with a Redis", "passes, in parts", "passes, with a Redis"),
    )
    return _table(head, rows)


def _model(model: Model) -> str:
    rows = []
    mean = FLEET_DAY / _DAY_S
    for one in model.seen["fleets"]:
        nodes = one["nodes"]
        each = mean / nodes
        claims = model.claims(each)
        rows.append(
            (
                f"{nodes:,}",
                *(f"{each * times:,.0f}" for times in (1.0, PEAK, HOLIDAY)),
                f"{model.cores(each, model.shared):,.1f}",
                f"{claims / 1e6:,.2f} million, {_size(claims * model.seen['claim_bytes'])}",
                f"{each * HOLIDAY * model.seen['journal_bytes'] / 1e6:,.1f} MB/s",
                f"{model.primaries(mean):,}" if model.redis else "–",
            )
        )
    head = (
        *("nodes", "mean/s", "busiest hour/s", "holiday/s", "cores a node", "claims a node"),
        *("journal a node, holiday", "Redis primaries in all"),
    )
    return _table(head, rows)


def _size(size: float) -> str:
    for unit, times in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= times:
            return f"{size / times:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
