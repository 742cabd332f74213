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


class Route(Table, frozen=True, kw_only=True):
    """One rule. The first that matches wins; without any, everything goes to `log:`."""

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
