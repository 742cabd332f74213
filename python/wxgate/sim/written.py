"""Fields written as XML or JSON, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from wxcore import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The core reads XML strictly but offers no reader of its own: an envelope to oneself is one.
_READER = Envelope("reader", "A" * 43, "reader")


def xml(fields: Mapping[str, Any], root: str = "xml") -> bytes:
    """Write text as CDATA and numbers bare, as WeChat does; a list repeats its element."""
    return f"<{root}>{''.join(_elements(fields))}</{root}>".encode()


def json(fields: Mapping[str, Any]) -> bytes:
    """Write UTF-8 without escapes, as WeChat does."""
    return msgspec.json.encode(fields)


def read(content: bytes) -> dict[str, Any]:
    """Read XML or JSON with the core's own reader. Raises `wxcore.Rejected`."""
    body, signature = _READER.seal(content, timestamp="0", nonce="0")
    return _READER.open(body, msg_signature=signature, timestamp="0", nonce="0").fields


def _elements(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            yield f"<{name}>{_content(one)}</{name}>"


def _content(value: object) -> str:
    if isinstance(value, dict):
        return "".join(_elements(value))
    if isinstance(value, int):
        return str(value)
    return f"<![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]>"
