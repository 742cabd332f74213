"""Whether a contender does the work, before it is measured."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from wechat import TEXT, envelope, push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wechat import Push
    from world import Running

_NUMBERS = count(2)
"""The first message of all was sent to see that it is up."""
_SUCCESS = (200, b"success")
_CONTENT = TEXT.decode().partition("<Content><![CDATA[")[2].partition("]]>")[0]


def check(running: Running) -> list[str]:
    """Return which forged calls a peer let in.

    Raises ``AssertionError`` if it does not do the work at all, or is wxgate and let any in.
    """
    if running.contender.role == "limit":
        return []
    number = _genuine(running)
    running.arrived()
    assert all(_content(event) == _CONTENT for event in _events(running)), "another content"
    again = push(number=number)
    assert running.post(again.query, again.body) == _SUCCESS, "a retry was refused"
    # Had the retry been handed over, it would have come before this one.
    _genuine(running)
    running.arrived()
    let_in = [name for name, call in _forged() if _lets_in(running, call)]
    assert not let_in or running.contender.role == "peer", f"it let in {let_in}"
    return let_in


def _lets_in(running: Running, call: Push) -> bool:
    try:
        answer = running.post(call.query, call.body)
    except OSError:
        answer = (0, b"")  # to hang up on a stranger is a refusal too
    before = running.sent
    _genuine(running)
    running.sent = running.arrived_at_least(before + 1)
    return answer == _SUCCESS or running.sent > before + 1


def _genuine(running: Running) -> int:
    number = next(_NUMBERS)
    call = push(number=number)
    assert running.post(call.query, call.body) == _SUCCESS, "a genuine call was refused"
    running.sent += 1
    return number


def _forged() -> Iterator[tuple[str, Push]]:
    """What strangers send: each is wrong in one thing."""
    call = push(number=next(_NUMBERS))
    wrong = ("0" if call.msg_signature[0] != "0" else "1") + call.msg_signature[1:]
    query = call.query.replace(call.msg_signature, wrong)
    yield "a wrong msg_signature", replace(call, query=query)
    other = push(number=next(_NUMBERS))
    yield "another message under a right msg_signature", replace(other, query=call.query)
    call = push(number=next(_NUMBERS))
    query = call.query.partition("&msg_signature=")[0]
    yield "no msg_signature", replace(call, query=query)
    call = push(number=next(_NUMBERS))
    query = call.query.replace("encrypt_type=aes&", "").partition("&msg_signature=")[0]
    query = query.replace(envelope.sign(call.timestamp, call.nonce), "0" * 40)
    plain = TEXT.replace(b"24539081234567890", b"24539081234567899")
    yield "a plain message, unsigned", replace(call, query=query, body=plain)


def _events(running: Running) -> Iterator[dict[str, Any]]:
    for key in running.streams():
        for _, entry in running.database.xrange(key):
            yield json.loads(entry[b"event"])


def _content(event: dict[str, Any]) -> str | None:
    """Find the text: frameworks call it what they like."""
    for name, value in event.items():
        if name.lower() == "content":
            return str(value)
        if isinstance(value, dict) and (found := _content(value)) is not None:
            return found
    return None
