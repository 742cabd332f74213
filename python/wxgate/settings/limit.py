"""The `[[limit]]` tables: how much of what is taken, and what becomes of the rest."""

from typing import Annotated, Literal

from msgspec import Meta

from wxgate.settings.account import Text
from wxgate.settings.route import When
from wxgate.settings.table import Table

RuleName = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9][a-z0-9_-]{0,63}$",
        title="a name of at most 64 characters a-z 0-9 _ -, the first a letter or digit",
        description="Its name in logs, metrics and in the store that nodes share.",
        examples=["one-user"],
    ),
]


class Limit(Table, frozen=True, kw_only=True):
    """One limit. A message passes every one whose `when` holds, or uses up nothing of any."""

    name: RuleName
    when: Annotated[When, Meta(description="Which messages; all, if absent.")] = When()
    per: Annotated[
        Text,
        Meta(
            description="account, appid, openid, source, route, field:NAME, or all together.",
            examples=["openid"],
        ),
    ]
    rate: Annotated[
        Text | None,
        Meta(description="Messages in the long run, per s, min, h or day.", examples=["100/min"]),
    ] = None
    burst: Annotated[
        int | None,
        Meta(
            ge=1,
            le=1000000000,
            description="Messages at once after a pause; what one second allows, if absent.",
            examples=[20],
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        Meta(
            ge=1,
            le=1000000,
            description="Messages being answered at once, per worker.",
            examples=[8],
        ),
    ] = None
    warm_up: Annotated[
        int,
        Meta(
            ge=0,
            le=3600,
            description="Seconds in which an idle rule comes from a third of its rate to all.",
        ),
    ] = 0
    action: Annotated[
        Literal["reject", "absorb", "pace"],
        Meta(description='"reject": 503; "absorb": success, and dropped; "pace": delivered later.'),
    ] = "reject"
