"""What the consuming side of streams needs of the file: no account, and so no secret of one."""

import msgspec

from wxgate.settings.dispatch import Dispatch
from wxgate.settings.model import Name
from wxgate.settings.state import State
from wxgate.settings.stream import Stream
from wxgate.settings.table import Table
from wxgate.settings.upstream import Upstream


class Hub(Table, frozen=True, kw_only=True):
    """The tables that workers read."""

    state: State = State()
    dispatch: Dispatch = Dispatch()
    upstream: dict[Name, Upstream] = msgspec.field(default_factory=dict)
    stream: dict[Name, Stream] = msgspec.field(default_factory=dict)
