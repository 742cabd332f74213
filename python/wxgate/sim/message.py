"""What WeChat wants to say, which stays the same from try to try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Form = Literal["url", "sealed_url", "plain", "sealed", "pay", "pay_v2", "pay_v2_refund", "partner"]
"""How it travels: that decides how it is signed, and which forgeries of it make sense."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. A player turns it into a fresh call for every try."""

    title: str
    """What to call it: `text`, `event subscribe`, `pay TRANSACTION.SUCCESS`."""
    form: Form
    path: str
    fields: Mapping[str, Any]
    """What is said, under WeChat's own names."""
    mark: str
    """A text that stands in no other message: an openid, an order's number, a ticket."""
    receiver: str = ""
    """Whom it is sealed for: an appid, corpid, suite id; of a partner the app_id."""
    outer: Mapping[str, Any] = field(default_factory=dict)
    """What stands outside of the seal."""
    is_xml: bool = False


def override(fields: Mapping[str, Any], changes: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return `fields` with others in place; `a.b` reaches into a table, a number stays one."""
    changed = dict(fields)
    for name, text in changes:
        head, dot, rest = name.partition(".")
        inner = changed.get(head)
        if dot and isinstance(inner, dict):
            changed[head] = override(inner, [(rest, text)])
        else:
            changed[name] = _like(inner, text)
    return changed


def _like(former: object, text: str) -> str | int:
    is_number = isinstance(former, int) and not isinstance(former, bool)
    return int(text) if is_number and text.lstrip("-").isdigit() else text
