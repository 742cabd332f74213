"""What an upstream can be told of the health of its nodes."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta

from wxgate.settings.problems import UnfitError
from wxgate.settings.table import Table

CheckPath = Annotated[
    str, Meta(pattern=r"^/[!-~]{0,1000}$", title="a path that begins with /, in printable ASCII")
]


class Health(Table, frozen=True, kw_only=True):
    """When a node is left out: it fails in a row, or fails when it is asked. Seconds for times."""

    failures: Annotated[
        int, Meta(ge=1, le=1000, description="Tries that fail in a row: refused, no answer, 5xx.")
    ] = 5
    eject: Annotated[
        float,
        Meta(gt=0, le=3600, description="For how long, the first time; then twice as long each."),
    ] = 10.0
    eject_max: Annotated[float, Meta(gt=0, le=86400, description="No ejection is longer.")] = 300.0
    most: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Percent of nodes ejected at once; of two or more, one always may be.",
        ),
    ] = 50
    slow_start: Annotated[
        float,
        Meta(ge=0, le=3600, description="In which a node that is back grows to its whole load."),
    ] = 10.0
    path: Annotated[
        CheckPath | None,
        Meta(
            description="What is asked for by GET on every node; 2xx is well. None: nothing.",
            examples=["/healthz"],
        ),
    ] = None
    every: Annotated[float, Meta(gt=0, le=3600, description="Between two checks.")] = 5.0
    timeout: Annotated[float, Meta(gt=0, le=60, description="For the answer to a check.")] = 1.0
    rise: Annotated[
        int, Meta(ge=1, le=100, description="Checks in a row until a node is back.")
    ] = 2
    fall: Annotated[
        int, Meta(ge=1, le=100, description="Failed checks in a row until it is down.")
    ] = 3

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Keep the longest ejection no shorter than the first."""
        first, longest = got.get("eject", 10.0), got.get("eject_max", 300.0)
        if isinstance(first, float | int) and isinstance(longest, float | int) and longest < first:
            yield "eject_max", UnfitError("is shorter than eject", "raise it")


HealthTable = Annotated[
    Health,
    Meta(
        description="When a node is left out for a while.",
        examples=[{"failures": 5, "path": "/healthz", "every": 5.0}],
    ),
]
