"""The `[overload]` table: what is refused first when there is too much to do."""

from typing import Annotated

from msgspec import Meta

from wxgate.settings.table import Table


class Overload(Table, frozen=True, kw_only=True):
    """When there is too much, of what is read payments go first and locations last."""

    enabled: Annotated[
        bool, Meta(description="Whether to refuse by importance; else whatever comes is queued.")
    ] = True
    wait: Annotated[
        float,
        Meta(
            gt=0,
            le=5,
            description="Seconds of queueing, on average, above which less is taken.",
        ),
    ] = 0.02
    down: Annotated[
        float, Meta(gt=0, lt=1, description="Share by which less is taken after each 0.1 s.")
    ] = 0.05
    up: Annotated[
        float, Meta(gt=0, lt=1, description="Share by which more is taken again after each 0.1 s.")
    ] = 0.03
