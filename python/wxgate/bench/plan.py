"""A run, as the player in ``crates/wxload`` reads it, and what it tells of one."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import msgspec
from wxcore._wxcore import run_load

from wxgate.bench.parts import Part, Played, mix
from wxgate.bench.punctual import punctual

if TYPE_CHECKING:
    from collections.abc import Callable

_REST_S = 0.00025
"""Of a player that goes first: it would interrupt the gateway for each message otherwise."""


class Leg(msgspec.Struct, frozen=True):
    """Seconds at a rate that goes evenly from ``rate`` to ``to`` messages a second."""

    seconds: float
    rate: float
    to: float | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What to play; field by field as in ``crates/wxload/src/spec.rs``."""

    address: str
    accounts: list[Played]
    mix: list[Part]
    legs: list[Leg]
    messages: int | None = None
    connections: int = 256
    users: int = 1_000_000
    skew: float = 1.0
    retries: float = 0.0
    retry_after: float = 5.0
    tries: int = 3
    forged: float = 0.0
    patience: float = 5.0
    rest: float = 0.0
    seed: int = 0
    ahead: int = 200_000
    """Payments signed before the start, at most."""
    epoch: int


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution, in milliseconds."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened; ``crates/wxload/src/report.rs`` says what each means."""

    messages: int
    payments: int
    acknowledged: int
    tried_again: int
    given_up: int
    repeats: int
    repeats_alike: int
    repeats_unlike: int
    forged: int
    kept_out: int
    let_in: int
    refused: int
    denied: int
    unanswered: int
    broken: int


class PartCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of a part of the mix, and how many were acknowledged at the first try."""

    messages: int
    acknowledged: int


class LegSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One leg, the latencies in it, and the parts of the mix in their order."""

    seconds: float
    rate: float
    to: float
    messages: int
    latency: Latency | None
    refusals: Latency | None
    parts: list[PartCounts]


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """How late the player itself was: the share of messages, and the worst in milliseconds."""

    share: float
    worst: float
    trusted: bool


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that were signed before the start, and how many seconds that took."""

    payments: int
    seconds: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has shown."""

    planned: int
    stopped: bool
    seconds: float
    counts: Counts
    latency: Latency | None
    recorded: list[tuple[int, int]]
    """The whole of it: microseconds, to three digits, and how often, from the fastest on."""
    legs: list[LegSeen]
    repeats: Latency | None
    refusals: Latency | None
    forged: Latency | None
    slip: Slip
    ahead: Ahead
    cpu: float
    cpu_per_call: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands."""

    seconds: float
    of: float
    planned: int
    messages: int
    acknowledged: int
    refused: int
    p99: float
    signed: int = 0
    to_sign: int = 0
    """Payments that are signed before the start."""


def run(address: str, accounts: list[Played], legs: list[Leg]) -> Run:
    """Describe a run of the usual mix, as of now."""
    return Run(
        address=address,
        accounts=accounts,
        mix=mix(accounts),
        legs=legs,
        epoch=int(time.time()),
    )


def play(
    plan: Run, watch: Callable[[Progress], None] | None = None, *, first: bool = False
) -> Seen:
    """Play a run to its end; ``watch`` hears of it once a second.

    With ``first`` this thread goes before all others of the machine meanwhile, and looks four times
    a millisecond at what is due and has come instead of each time that there is something. Raises
    ``ValueError`` for what cannot be played, and without the right to go first; ``OSError`` for
    sockets that cannot be had.
    """

    def told(json: bytes) -> None:
        if watch is not None:
            watch(msgspec.json.decode(json, type=Progress))

    if first:
        plan = msgspec.structs.replace(plan, rest=_REST_S)
    with punctual() if first else nullcontext():
        return msgspec.json.decode(run_load(msgspec.json.encode(plan), told), type=Seen)
