"""Answers in HTTP/1.1 (RFC 9112), read as they come. No socket here, and no clock.

Strict where two readers could see two answers in the same bytes: such a connection is of no more
use, so whatever is not plainly an answer is refused whole. Bounded: 16 KiB of head together with
the interim answers before it, 256 KiB of body.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wxgate.errors import WxGateError

MAX_HEAD = 16 * 1024
MAX_BODY = 256 * 1024
CHUNKED = -1
_MAX_CHUNK_LINE = 4096
_MAX_DIGITS = 15
_SWITCHING = 101
_FINAL = 200
_BODILESS = (204, 304)

_NO_HEAD = "what came is no answer in HTTP/1.1"
_LONG_HEAD = f"the head of the answer is over {MAX_HEAD} bytes"
_LONG_BODY = f"the answer is over {MAX_BODY} bytes"
_UNCLEAR = "the answer is of unclear length"
_BAD_CHUNK = "the answer's chunks are broken"

_TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:" + _TEXT
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: " + _TEXT + rb")?\r\n(?:" + _FIELD + rb"\r\n)*+"
)
_TELLING = re.compile(
    rb"\n(content-length|transfer-encoding|connection|retry-after):([^\r]*)", re.IGNORECASE
)
_START = b"HTTP/1."
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*+(?:;" + _TEXT + rb")?")
_TRAILER = re.compile(_FIELD)


class UnreadableAnswerError(WxGateError):
    """What came is no answer, or too long a one. The text says which and quotes nothing."""


class Head(NamedTuple):
    """What an answer's head says."""

    status: int
    length: int | None
    """Of the body, in bytes; or ``CHUNKED``; or None: it lasts as long as the connection."""
    keeps: bool
    """Whether the connection may serve another exchange."""
    retry_after: str | None
    """As the peer wrote it."""


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes
    retry_after: str | None = None


def read_head(head: bytes) -> Head:
    """Read a status line and fields, each ended by CR LF. Raises ``UnreadableAnswerError``."""
    match = _HEAD.fullmatch(head)
    if match is None:
        raise UnreadableAnswerError(_NO_HEAD)
    told: dict[bytes, bytes] = {}
    for field, value in _TELLING.findall(head):
        name, text = field.lower(), value.strip()
        told[name] = told[name] + b"," + text if name in told else text
    status, modern = int(match[2]), match[1] == b"1"
    keeps = modern and (b"connection" not in told or not _closes(told[b"connection"]))
    later = told.get(b"retry-after")
    retry_after = None if later is None else later.decode("latin-1")
    # By their status, these have no body whatever the fields say (RFC 9112, section 6.3).
    if status < _FINAL or status in _BODILESS:
        return Head(status, 0, keeps, retry_after)
    length = _length(told, modern=modern)
    return Head(status, length, keeps and length is not None, retry_after)


def _closes(connection: bytes) -> bool:
    return b"close" in [option.strip() for option in connection.lower().split(b",")]


def _length(told: dict[bytes, bytes], *, modern: bool) -> int | None:
    """Refuse what two readers could read in two ways."""
    text = told.get(b"content-length")
    if b"transfer-encoding" in told:
        if text is not None or not modern or told[b"transfer-encoding"].lower() != b"chunked":
            raise UnreadableAnswerError(_UNCLEAR)
        return CHUNKED
    if text is None:
        return None
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        raise UnreadableAnswerError(_UNCLEAR)
    if (length := int(text)) > MAX_BODY:
        raise UnreadableAnswerError(_LONG_BODY)
    return length


class AnswerReader:
    """Reads one answer."""

    __slots__ = ("_body", "_chunks", "_pending", "_skipped", "begun", "head", "surplus")

    def __init__(self) -> None:
        """Wait for the first byte."""
        self._pending = b""
        self._skipped = 0
        self._body: bytes | bytearray = b""
        self._chunks: _Chunks | None = None
        self.begun = False
        """Whether anything has come."""
        self.head: Head | None = None
        self.surplus = False
        """Whether the peer has sent more than its answer."""

    def feed(self, data: bytes) -> bool:
        """Take what came; return whether the answer is whole.

        Raises ``UnreadableAnswerError``, after which the reader is of no more use.
        """
        self.begun = True
        if self.head is None:
            data = self._feed_head(self._pending + data)
            if self.head is None:
                return False
        if self._chunks is None:
            return self._feed_body(self.head, data)
        whole = self._chunks.feed(data)
        self.surplus = self._chunks.surplus
        return whole

    def end(self) -> bool:
        """Return whether the answer is whole if nothing more can come."""
        return self.head is not None and self.head.length is None and self._chunks is None

    def answer(self) -> Answer:
        """Return the answer, whole once ``feed`` or ``end`` said so."""
        assert self.head is not None  # noqa: S101 (for mypy; without a head nothing was whole)
        body = self._body if self._chunks is None else self._chunks.body
        return Answer(self.head.status, bytes(body), self.head.retry_after)

    def _feed_head(self, data: bytes) -> bytes:
        """Look for the head of the final answer; return what follows it."""
        at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            if self._skipped + end + 4 > MAX_HEAD:
                raise UnreadableAnswerError(_LONG_HEAD)
            head = read_head(data[at : end + 2])
            at = end + 4
            if head.status >= _FINAL:
                self.head = head
                self._chunks = _Chunks() if head.length == CHUNKED else None
                return data[at:]
            if head.status == _SWITCHING:  # an upgrade that nobody asked for
                raise UnreadableAnswerError(_NO_HEAD)
        self._skipped += at
        self._pending = data[at:]
        if self._skipped + len(self._pending) > MAX_HEAD:
            raise UnreadableAnswerError(_LONG_HEAD)
        if not _START.startswith(self._pending[: len(_START)]):
            raise UnreadableAnswerError(_NO_HEAD)
        return b""

    def _feed_body(self, head: Head, data: bytes) -> bool:
        if self._body:
            self._body = bytearray(self._body) if isinstance(self._body, bytes) else self._body
            self._body += data
        else:
            self._body = data
        length = head.length
        if length is None:
            if len(self._body) > MAX_BODY:
                raise UnreadableAnswerError(_LONG_BODY)
            return False
        if len(self._body) > length:
            self.surplus = True
            self._body = self._body[:length]
        return len(self._body) == length


class _Chunks:
    """A body in the chunked coding (RFC 9112, section 7.1)."""

    __slots__ = ("_left", "_line", "_pending", "_trailers", "body", "surplus")

    def __init__(self) -> None:
        self.body = bytearray()
        self.surplus = False
        self._left = 0
        self._pending = b""
        self._trailers = 0
        self._line = _Chunks._size

    def feed(self, data: bytes) -> bool:
        """Take what came; return whether the body is whole."""
        data = self._pending + data
        at = 0
        while True:
            if self._left:
                piece = data[at : at + self._left]
                self.body += piece
                self._left -= len(piece)
                at += len(piece)
            end = data.find(b"\r\n", at, at + _MAX_CHUNK_LINE)
            if end < 0:
                break
            line, at = data[at:end], end + 2
            if self._line(self, line):
                self.surplus = at < len(data)
                return True
        self._pending = data[at:]
        if len(self._pending) >= _MAX_CHUNK_LINE:
            raise UnreadableAnswerError(_BAD_CHUNK)
        return False

    def _size(self, line: bytes) -> bool:
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise UnreadableAnswerError(_BAD_CHUNK)
        self._left = int(match[1], 16)
        if len(self.body) + self._left > MAX_BODY:
            raise UnreadableAnswerError(_LONG_BODY)
        self._line = _Chunks._gap if self._left else _Chunks._trailer
        return False

    def _gap(self, line: bytes) -> bool:
        """The line's end that closes a chunk's data."""
        if line:
            raise UnreadableAnswerError(_BAD_CHUNK)
        self._line = _Chunks._size
        return False

    def _trailer(self, line: bytes) -> bool:
        """Fields after the body mean nothing to us; an empty line ends them."""
        self._trailers += len(line) + 2
        if self._trailers > MAX_HEAD:
            raise UnreadableAnswerError(_LONG_HEAD)
        if line and _TRAILER.fullmatch(line) is None:
            raise UnreadableAnswerError(_BAD_CHUNK)
        return not line
