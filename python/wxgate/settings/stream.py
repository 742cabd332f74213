"""The `[stream.NAME]` tables: streams of the hub in Redis."""

from typing import Annotated

from msgspec import Meta

from wxgate.settings.breaker import Breaker, BreakerTable
from wxgate.settings.dispatch import Queue, Retry, RetryTable
from wxgate.settings.redis import RedisPlace
from wxgate.settings.table import Table


class Stream(Table, frozen=True, kw_only=True):
    """A stream in Redis, from which `wxgate work` serves the team's functions."""

    redis: Annotated[
        RedisPlace | None,
        Meta(
            description="Where it is; state.redis if absent.",
            examples=["redis://127.0.0.1:6379/0"],
        ),
    ] = None
    partitions: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Among which keys are spread; each is read by one consumer of a group.",
        ),
    ] = 16
    keep: Annotated[
        float,
        Meta(ge=0, le=8760, description="Hours that messages stay which all groups have finished."),
    ] = 1.0
    batch: Annotated[
        int, Meta(ge=1, le=1000, description="Messages appended by one call at most.")
    ] = 128
    timeout: Annotated[
        float, Meta(gt=0, le=300, description="Seconds in which Redis must answer.")
    ] = 5.0
    queue: Queue = 1024
    retry: RetryTable = Retry()
    breaker: BreakerTable = Breaker()
