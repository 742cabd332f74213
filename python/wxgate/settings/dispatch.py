"""The `[dispatch]` table, and what all destinations can be told: when to try again."""

from typing import Annotated

from msgspec import Meta

from wxgate.settings.breaker import Breaker, BreakerTable
from wxgate.settings.table import Table

Queue = Annotated[
    int,
    Meta(
        ge=1,
        le=1000000,
        description="Messages in memory, per worker; the others wait in the journal.",
    ),
]


class Retry(Table, frozen=True, kw_only=True):
    """When a failed delivery is tried again: exponential, with jitter. All in seconds."""

    first: Annotated[float, Meta(gt=0, le=3600, description="Before the second try.")] = 1.0
    factor: Annotated[
        float, Meta(ge=1, le=10, description="By which each delay is longer than the last.")
    ] = 2.0
    max: Annotated[float, Meta(gt=0, le=86400, description="No delay is longer.")] = 60.0
    give_up: Annotated[
        float,
        Meta(
            gt=0,
            le=2592000,
            description="Age, since acceptance, after which a failed try is the last one.",
        ),
    ] = 86400.0
    budget: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Retries in vain for each delivery; beyond it the others are put off.",
        ),
    ] = 0.2
    budget_floor: Annotated[
        float,
        Meta(
            gt=0,
            le=100000,
            description="Retries in vain a second that are allowed whatever is delivered.",
        ),
    ] = 10.0


RetryTable = Annotated[
    Retry,
    Meta(
        description="When a failed delivery is tried again.",
        examples=[{"first": 1.0, "factor": 2.0, "max": 60.0, "give_up": 86400.0}],
    ),
]


class Dispatch(Table, frozen=True, kw_only=True):
    """Deliveries. For what has no table of its own: functions, bare addresses, the log."""

    workers: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="Threads for functions that are not async; 0 for one per core.",
        ),
    ] = 0
    queue: Queue = 1024
    concurrency: Annotated[
        int, Meta(ge=1, le=100000, description="Deliveries open at once, per destination.")
    ] = 64
    timeout: Annotated[
        float,
        Meta(gt=0, le=300, description="Seconds of a try; a function that is not async has none."),
    ] = 5.0
    retry: RetryTable = Retry()
    breaker: BreakerTable = Breaker()
