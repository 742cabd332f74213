"""The `breaker` of a destination: when it is taken for down, and how it is tried again."""

from typing import Annotated

from msgspec import Meta

from wxgate.settings.table import Table

Share = Annotated[float, Meta(gt=0, le=1)]


class Breaker(Table, frozen=True, kw_only=True):
    """When deliveries to a destination stop, for as long as `retry` says; they wait on disk."""

    window: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds whose tries are counted.")
    ] = 10.0
    calls: Annotated[
        int,
        Meta(ge=1, le=1000000, description="Tries within them before a share says anything."),
    ] = 20
    errors: Annotated[
        Share, Meta(description="Share of first tries at which failures open it; 1 for all.")
    ] = 0.9
    slow: Annotated[Share, Meta(description="Share of tries at which slow ones open it.")] = 0.8
    slow_after: Annotated[
        float | None,
        Meta(
            gt=0,
            le=300,
            description="Seconds that make a try slow; by default 0.8 timeouts.",
            examples=[4.0],
        ),
    ] = None
    in_a_row: Annotated[
        int,
        Meta(ge=1, le=1000000, description="Failed first tries in a row that open it as well."),
    ] = 5
    probes: Annotated[
        int, Meta(ge=1, le=1000, description="Tries that decide whether it is up again.")
    ] = 3


BreakerTable = Annotated[
    Breaker,
    Meta(
        description="When deliveries stop because most of them fail or are slow.",
        examples=[{"window": 10.0, "calls": 20, "errors": 0.9, "in_a_row": 5, "probes": 3}],
    ),
]
