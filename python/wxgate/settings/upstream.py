"""The `[upstream.NAME]` tables: the team's services."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from wxgate.settings.breaker import Breaker, BreakerTable
from wxgate.settings.dispatch import Queue, Retry, RetryTable
from wxgate.settings.health import Health, HealthTable
from wxgate.settings.shapes import HeaderValue
from wxgate.settings.table import Table
from wxgate.settings.texts import Url

_TERM = r"(openid|account|key|field:[^\s+]+)"
HashBy = Annotated[
    str,
    Meta(
        pattern=rf"^(none|{_TERM}(\s*\+\s*{_TERM})*)$",
        title='"none", or openid, account, key and field:NAME, several joined by +',
    ),
]
NodeName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:/@-]{1,100}$", title="letters, digits and . _ : / @ -")
]
HeaderName = Annotated[
    str,
    Meta(
        pattern=r"^(?!(?i:content-.*|host|connection|transfer-encoding|traceparent)$)"
        r"[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        title="a header that the gateway does not set itself",
    ),
]


class Node(Table, frozen=True, kw_only=True):
    """One instance of a service. A mere address stands for a node of weight 1."""

    noun: ClassVar[str] = "an address or a table"
    shorthand: ClassVar[str] = "url"

    url: Annotated[Url, Meta(description="Where messages are posted to.")]
    name: Annotated[
        NodeName | None,
        Meta(
            description="Under which it keeps its keys at another address; else the address.",
            examples=["orders-1"],
        ),
    ] = None
    weight: Annotated[int, Meta(ge=1, le=1000, description="Its share of the keys.")] = 1

    @property
    def title(self) -> str:
        """Its name on the ring."""
        return self.name or str(self.url)


class Upstream(Table, frozen=True, kw_only=True):
    """A service of the team's: nodes among which messages are spread by a hash."""

    nodes: Annotated[
        tuple[Node, ...],
        Meta(
            description='Instances: addresses, or { url = "http://…", weight = 2, name = "one" }.',
            examples=[["http://127.0.0.1:9001"]],
        ),
    ]
    hash: Annotated[
        HashBy,
        Meta(
            description="What stays on one node: a user's messages, an account's, a field's.",
            examples=["account+field:Region"],
        ),
    ] = "openid"
    timeout: Annotated[
        float, Meta(gt=0, le=300, description="Seconds in which a node must answer.")
    ] = 5.0
    concurrency: Annotated[
        int, Meta(ge=1, le=100000, description="Requests open at once, per worker.")
    ] = 256
    batch: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Messages in one request; above 1 as application/cloudevents-batch+json.",
        ),
    ] = 1
    queue: Queue = 1024
    retry: RetryTable = Retry()
    breaker: BreakerTable = Breaker()
    health: HealthTable = Health()
    spill: Annotated[
        float | None,
        Meta(
            ge=1.01,
            le=100,
            description="Bounds a node's requests to so many times its share; the rest go on.",
            examples=[1.25],
        ),
    ] = None
    headers: Annotated[
        dict[HeaderName, HeaderValue],
        Meta(
            description="Headers sent along, such as the service's own credentials.",
            examples=[{"Authorization": "env:ORDERS_AUTHORIZATION"}],
        ),
    ] = msgspec.field(default_factory=dict)
