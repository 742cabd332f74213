"""The whole file. Its tables have a module each."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, get_args

import msgspec
from msgspec import Meta

from wxgate.settings.account import AnyAccount
from wxgate.settings.journal import Journal
from wxgate.settings.pay import Partner, Pay, PayV2
from wxgate.settings.push import Component, MiniProgram, Official, WeCom, WeComSuite
from wxgate.settings.route import Route
from wxgate.settings.server import Server
from wxgate.settings.table import Table
from wxgate.settings.texts import Target
from wxgate.settings.upstream import Upstream

PushAccount = Official | MiniProgram | WeCom | WeComSuite | Component
Account = PushAccount | Pay | PayV2 | Partner
ACCOUNTS: tuple[type[AnyAccount], ...] = get_args(Account)
Name = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9][a-z0-9_-]{0,63}$",
        title="a name of at most 64 characters a-z 0-9 _ -, the first a letter or digit",
    ),
]

_NO_STATE = "is not in this version, in which each worker counts and claims for itself"
_EVERYTHING_TO_THE_LOG = Route(to=Target("log"))


class Settings(Table, frozen=True, kw_only=True):
    """What `wxgate.toml` says, with every secret fetched."""

    later: ClassVar[Mapping[str, str]] = {"state": _NO_STATE}

    server: Server = Server()
    journal: Journal = Journal()
    account: dict[Name, Account]
    upstream: dict[Name, Upstream] = msgspec.field(default_factory=dict)
    route: tuple[Route, ...] = (_EVERYTHING_TO_THE_LOG,)
