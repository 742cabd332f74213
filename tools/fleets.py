"""The capacity page's part on fleets: what was played, and what follows for 20 billion a day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reckoning import DAY_S, HOLIDAY, PEAK, REDIS_HOLIDAY_LOAD, REDIS_LOAD
from tables import NONE, PRIMARIES, primaries, size, table

if TYPE_CHECKING:
    from reckoning import Model

FLEET_DAY = 20_000_000_000

SECTION = """\
## A fleet

A load balancer brings calls to any node. Nodes share claims and limits through a Redis, and
nothing else: each has its journal. So a fleet's cost is that of its nodes, and what could spoil
it is what nodes have in common. This was played at full size, in one process
(`wxgate bench fleet`): the ring of an upstream of so many nodes; messages of a fleet that has 20
billion a day, any of them to any node, and some of them again to any; a limit whose messages come
to all nodes. Nodes *with a Redis* have what gateways have (`RedisClaims`, and limits behind it),
and each a connection of its own to one Valkey; nodes *alone* or *in parts* have the claims and
limits of their process.

{fleets}
- *Fullest node*: of an upstream of so many nodes, the one with most keys, over the mean. Nodes
  compete for 65,537 slots, so at 1,000 each has some 65 and chance shows. Size an upstream's
  nodes for that one.
- *Moved*: the keys that another node gets when one is lost, which are those that it had and no
  others, and when one is added, beside what must move.
- *Known*: repetitions that are recognised, of those that were sent; also those that came while the
  first try was open elsewhere. Without a Redis, have the load balancer bring a sender back to its
  node. *Decided without it*: messages for which the Redis had not answered within a second, which
  is what nodes waited here since all of them shared a processor; of these nothing would be known.
- *80 % pass*: what passes a limit of 1,000 a second of which 800 come. *In parts*, each node keeps
  to its part of it because there is no Redis, or it is away (`state.nodes`): a limit of which each
  node has fewer than some 10 a second wants a Redis. *200 % pass*: of burst and rate × time what
  passes if twice as much comes; more than 100 % would be a fault, and the bench fails.

{day:,} messages a day, {fleet_mean:,.0f} a second in the mean, {fleet_peak:,.0f} in the busiest
hour and {fleet_holiday:,.0f} on a holiday, on fleets of so many nodes:

{model}
*Cores a node* are as above: {cost:.0f} µs where one is enough, and otherwise {shared:.0f}, which is
extrapolated from two workers, as is said there. *Redis primaries*: all keys of a fleet are in one
slot ([decision 19](decisions/0019-shared-claims.md)), so that a primary that is to be
{redis_load:.0%} busy in the busiest hour, or {redis_holiday:.0%} on a holiday, has so many messages
a second and no more; each costs it what the [table](#redis) has for as many as a worker has then.
Beyond it take several fleets, each with its own `prefix` and Redis, and give each its
accounts: claims and limits never span accounts of different owners. Where there are more primaries
than nodes, a node runs several gateways, one of each of its fleets. A primary is also asked by each
worker on its own, so that beyond some 150 workers at 50,000 messages a second and more calls wait
longer than the 20 ms of `budget`: the same decision has the table. *Claims*: what a node remembers
in the busiest hour, and its payments of 25 hours.
"""


def section(model: Model) -> str:
    """Write it."""
    mean = FLEET_DAY / DAY_S
    return SECTION.format(
        fleets=_fleets(model.seen["fleets"]),
        day=FLEET_DAY,
        fleet_mean=mean,
        fleet_peak=mean * PEAK,
        fleet_holiday=mean * HOLIDAY,
        model=_model(model),
        cost=model.cost,
        shared=model.shared,
        redis_load=REDIS_LOAD,
        redis_holiday=REDIS_HOLIDAY_LOAD,
    )


def _fleets(fleets: list[dict[str, Any]]) -> str:
    rows = []
    for one in fleets:
        ring, known, passed = one["ring"], one["known"], one["passed"]
        played = one["late"] is not None
        rows.append(
            (
                f"{one['nodes']:,}",
                f"{ring['busiest']:.2f}",
                f"{ring['moved']:.2%} of {ring['least']:.2%}",
                f"{ring['joined']:.2%} of {1 / (one['nodes'] + 1):.2%}",
                f"{known['alone'] / known['repeats']:.1%}",
                f"{known['shared']:,} of {known['repeats']:,}" if played else NONE,
                f"{one['late'] + one['apart']:,} of {known['messages']:,}" if played else NONE,
                f"{passed['parts_under']:.0%}",
                f"{passed['shared_under']:.0%}" if played else NONE,
                f"{passed['shared_over']:.2%}" if played else NONE,
            )
        )
    head = (
        *("nodes", "fullest node", "moved, one lost", "moved, one added", "known alone"),
        *("known with a Redis", "decided without it", "80 % pass, in parts"),
        *("80 % pass, with a Redis", "200 % pass, with a Redis"),
    )
    return table(head, rows)


def _model(model: Model) -> str:
    rows = []
    mean = FLEET_DAY / DAY_S
    for one in model.seen["fleets"]:
        nodes = one["nodes"]
        each = mean / nodes
        claims = model.claims(each)
        cores = model.node(each)
        workers = nodes * math.ceil(cores)
        rows.append(
            (
                f"{nodes:,}",
                *(f"{each * times:,.0f}" for times in (1.0, PEAK, HOLIDAY)),
                f"{cores:,.1f}",
                f"{claims / 1e6:,.2f} million, {size(claims * model.seen['claim_bytes'])}",
                f"{each * HOLIDAY * model.seen['journal_bytes'] / 1e6:,.1f} MB/s",
                *primaries(model, mean, workers),
            )
        )
    head = (
        *("nodes", "mean/s", "busiest hour/s", "holiday/s", "cores a node", "claims a node"),
        *("journal a node, holiday", *PRIMARIES),
    )
    return table(head, rows)
