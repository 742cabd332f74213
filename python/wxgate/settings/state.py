"""The `[state]` table: what is remembered of messages that are done."""

from typing import Annotated, ClassVar

from msgspec import Meta

from wxgate.settings.redis import Redis
from wxgate.settings.table import Table


class State(Table, frozen=True, kw_only=True):
    """What is remembered of messages, so that a retry is known and gets the same answer."""

    restart: ClassVar[bool] = True

    redis: Annotated[
        Redis | None,
        Meta(
            description="What gateways share; without it each machine is alone.",
            examples=["redis://127.0.0.1:6379/0"],
        ),
    ] = None
    max_claims: Annotated[
        int,
        Meta(
            ge=1000,
            le=100000000,
            description="Messages remembered per worker; some 35 bytes each. The oldest go first.",
        ),
    ] = 2000000
    max_limits: Annotated[
        int,
        Meta(
            ge=1000,
            le=100000000,
            description="Keys whose limits are remembered per worker; some 100 bytes each.",
        ),
    ] = 100000
    nodes: Annotated[
        int | None,
        Meta(
            ge=1,
            le=10000,
            description="Nodes that share the limits, if not 1; without a store each has a part.",
            examples=[2],
        ),
    ] = None
    max_answers: Annotated[
        int,
        Meta(ge=0, le=17179869184, description="Bytes of answers kept for retries, per worker."),
    ] = 67108864

    @property
    def parts(self) -> int:
        """Among how many nodes each limit is divided."""
        return self.nodes or 1
