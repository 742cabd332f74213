"""The `[[route]]` tables: which message goes where."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wxgate.settings.account import Text, Texts
from wxgate.settings.table import Table
from wxgate.settings.texts import AccountName, Target

Kind = Literal[
    "official", "miniprogram", "wecom", "wecom_suite", "component", "pay", "pay_v2", "partner"
]
Reply = Literal["ack", "wait"]


TagName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._~-]{1,64}$", title="letters, digits and . _ ~ -")
]
Term = Annotated[
    str,
    Meta(
        pattern=r"^(openid|account|key|(field|header|query):[^\s+]+)$",
        title="openid, account, key, field:NAME, header:NAME or query:NAME",
    ),
]


class Shard(Table, frozen=True, kw_only=True):
    """Parts into which messages fall by `hash(of) % modulo`. Without a value none holds."""

    of: Annotated[Term, Meta(description="What is hashed.", examples=["field:Region"])]
    modulo: Annotated[int, Meta(ge=2, le=65536, description="How many parts.", examples=[4])]
    parts: Annotated[
        tuple[Annotated[int, Meta(ge=0)], ...],
        Meta(description="The remainders that are meant.", examples=[[0, 1]]),
    ]


class Share(Table, frozen=True, kw_only=True):
    """A share of all messages; those of one value stay in it, also while it grows."""

    of: Annotated[Term, Meta(description="What is hashed.", examples=["openid"])]
    percent: Annotated[
        float, Meta(ge=0, le=100, description="How many of a hundred.", examples=[5.0])
    ]
    salt: Annotated[
        str, Meta(description="Shares of different salts take different users.", examples=["v2"])
    ] = ""


class When(Table, frozen=True, kw_only=True):
    """Conditions of a route. All must hold; of a list, one. No condition takes every message."""

    account: Annotated[
        tuple[AccountName, ...], Meta(description="Names of accounts.", examples=["shop"])
    ] = ()
    kind: Annotated[
        tuple[Kind, ...], Meta(description="Kinds of account.", examples=["official"])
    ] = ()
    type: Annotated[Texts, Meta(description="MsgType.", examples=[["text", "image"]])] = ()
    event: Annotated[Texts, Meta(description="Event.", examples=["subscribe"])] = ()
    info_type: Annotated[
        Texts, Meta(description="InfoType of suites and platforms.", examples=["suite_ticket"])
    ] = ()
    change_type: Annotated[
        Texts, Meta(description="ChangeType of WeCom.", examples=["create_user"])
    ] = ()
    event_type: Annotated[
        Texts, Meta(description="event_type of WeChat Pay.", examples=["TRANSACTION.SUCCESS"])
    ] = ()
    content: Annotated[
        Text | None, Meta(description="Regular expression over Content.", examples=["^退款"])
    ] = None
    key: Annotated[
        Text | None, Meta(description="Regular expression over EventKey.", examples=["^menu_"])
    ] = None
    openid: Annotated[
        Text | None, Meta(description="Regular expression over the user.", examples=["^oABC"])
    ] = None
    field: Annotated[
        dict[str, Text],
        Meta(
            description="Regular expressions over other fields, by dotted name.",
            examples=[{"ScanCodeInfo.ScanType": "^qrcode$"}],
        ),
    ] = msgspec.field(default_factory=dict)
    header: Annotated[
        dict[TagName, Texts],
        Meta(
            description="Headers of the request and their texts. Nobody has signed them.",
            examples=[{"x-env": "canary"}],
        ),
    ] = msgspec.field(default_factory=dict)
    query: Annotated[
        dict[TagName, Texts],
        Meta(
            description="Parameters of the callback's address, likewise.",
            examples=[{"env": "canary"}],
        ),
    ] = msgspec.field(default_factory=dict)
    number: Annotated[
        dict[Term, Text],
        Meta(
            description="Comparisons (> >= < <= = != or LOW..HIGH) by what is compared.",
            examples=[{"header:x-priority": "> 5"}],
        ),
    ] = msgspec.field(default_factory=dict)
    shard: Annotated[
        Shard | None,
        Meta(
            description="Parts of all messages, by a hash.",
            examples=[{"of": "field:Region", "modulo": 4, "parts": [0, 1]}],
        ),
    ] = None
    share: Annotated[
        Share | None,
        Meta(
            description="So many of a hundred messages, by a hash.",
            examples=[{"of": "openid", "percent": 5.0, "salt": "v2"}],
        ),
    ] = None


class Route(Table, frozen=True, kw_only=True):
    """One rule. The first that matches wins; without any rule everything goes to `log:`."""

    when: Annotated[When, Meta(description="Which messages; all, if absent.")] = When()
    to: Annotated[
        Target,
        Meta(
            description="upstream:NAME, http://…, stream:NAME, python:module:function or log:.",
            examples=["upstream:orders"],
        ),
    ]
    reply: Annotated[
        Reply,
        Meta(description='"wait": the answer of the service goes back; "ack": success does.'),
    ] = "ack"
    also: Annotated[bool, Meta(description="Whether later routes may match as well.")] = False
