"""How a message of the journal is listed: everything but what somebody wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.cli.moment import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import TypeAlias

    from wxcore import JournalReader, Stored

    from wxgate.dispatch.letters import State
    from wxgate.settings import Settings

    Fates: TypeAlias = Mapping[str, Mapping[str, State]]
    """Of messages, by id: where they were given up, and what became of them there."""

_ENDS = {"buried": "dead letter", "dropped": "dropped"}
_PARTS = 3
"""Of a type: wechat, the kind of account, what it is."""


def unknown(
    reader: JournalReader, settings: Settings, account: str | None, type_: str | None
) -> str:
    """Say what is asked for and cannot be there; nothing if it might."""
    # An account may have gone from the configuration, and its messages be kept.
    if account not in {None, *settings.account} and not reader.find(account=account, limit=1):
        known = ", ".join(settings.account)
        return f'--account: there is no account "{account}"; the configuration has: {known}'
    if type_ is not None and len(type_.split(".", 2)) < _PARTS:
        return f'--type: expected a whole type such as wechat.official.text, not "{type_}"'
    return ""


def given_up(dead: Path, messages: Iterable[Stored]) -> dict[str, dict[str, State]]:
    """Look which messages are dead letters: to the journal they are as done as any."""
    if not dead.exists():
        return {}
    # Imported here: sqlite3 costs 10 ms, and there is nothing to open as a rule.
    from wxgate.dispatch.letters import fates  # noqa: PLC0415

    return fates(dead, [message.id for message in messages])


def outline(message: Stored, fates: Fates) -> dict[str, Any]:
    """Return all of a message but its text."""
    ends = fates.get(message.id, {})
    return {
        "place": f"{message.folder}/{message.seq}",
        "accepted": written(message.accepted),
        "account": message.account,
        "type": message.type,
        "subject": message.subject,
        "id": message.id,
        "key": message.key,
        "reply": "wait" if message.wait else "ack",
        "undelivered": list(message.undelivered),
        "dead": [place for place, state in ends.items() if state != "replayed"],
    }


def _state(message: Stored, fates: Fates) -> str:
    """Say what became of a message: it waits, was given up, or was taken everywhere."""
    waits = [f"waits for {','.join(message.undelivered)}"] if message.undelivered else []
    there = fates.get(message.id, {}).items()
    ends = [f"{_ENDS[state]} at {place}" for place, state in there if state != "replayed"]
    return ", ".join((*waits, *ends)) or "delivered"


def line(message: Stored, fates: Fates) -> str:
    """Return it as a line for people."""
    state = _state(message, fates)
    place, who = f"{message.folder}/{message.seq}", message.subject or "-"
    parts = (written(message.accepted), place, message.account, message.type, who, message.id)
    return "  ".join((*parts, state))
