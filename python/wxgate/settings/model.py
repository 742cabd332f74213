"""The whole file. Its tables have a module each."""

from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from wxgate.settings.account import AnyAccount
from wxgate.settings.dispatch import Dispatch
from wxgate.settings.journal import Journal
from wxgate.settings.limit import Limit
from wxgate.settings.overload import Overload
from wxgate.settings.pay import Partner, Pay, PayV2
from wxgate.settings.push import Component, MiniProgram, Official, WeCom, WeComSuite
from wxgate.settings.redis import RedisPlace
from wxgate.settings.route import Route
from wxgate.settings.server import Server
from wxgate.settings.state import State
from wxgate.settings.stream import Stream
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

_EVERYTHING_TO_THE_LOG = Route(to=Target("log"))


class Settings(Table, frozen=True, kw_only=True):
    """What `wxgate.toml` says, with every secret fetched."""

    server: Server = Server()
    journal: Journal = Journal()
    state: State = State()
    overload: Overload = Overload()
    dispatch: Dispatch = Dispatch()
    account: dict[Name, Account]
    upstream: dict[Name, Upstream] = msgspec.field(default_factory=dict)
    stream: dict[Name, Stream] = msgspec.field(default_factory=dict)
    route: tuple[Route, ...] = (_EVERYTHING_TO_THE_LOG,)
    limit: tuple[Limit, ...] = ()

    def redis_of(self, stream: str) -> RedisPlace | None:
        """Return where a stream is, which need not have a table of its own."""
        table = self.stream.get(stream)
        return self.state.redis if table is None or table.redis is None else table.redis
