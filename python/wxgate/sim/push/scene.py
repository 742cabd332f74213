"""Who takes part in a push, and when: the fields that every message begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wxgate.sim import invent

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Scene:
    """One user says one thing to one account."""

    own: str
    """The account: `gh_…`, a corpid, a suite; of a bot its id; of a ticket the platform."""
    user: str
    now: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the account's kind adds to every message, such as WeCom's `AgentID`."""

    def message(self, msg_type: str, **fields: object) -> dict[str, Any]:
        """A user's message, which has an id."""
        return {**self._head(msg_type), **fields, "MsgId": invent.msg_id(), **self.extra}

    def event(self, name: str, **fields: object) -> dict[str, Any]:
        """An event, which has none."""
        return {**self._head("event"), "Event": name, **fields, **self.extra}

    def _head(self, msg_type: str) -> dict[str, Any]:
        return {
            "ToUserName": self.own,
            "FromUserName": self.user,
            "CreateTime": self.now,
            "MsgType": msg_type,
        }
