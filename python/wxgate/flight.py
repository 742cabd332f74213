"""A message between its claim and its answer, and the requests that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wxgate.deadlines import Deadlines

if TYPE_CHECKING:
    import asyncio

    from wxcore._wxcore import Received

    Answer = tuple[int, str, bytes] | tuple[int, str, bytes, int]
    """Status, media type, body; and after how many seconds to try again, if that is known."""
    End = Answer | str | bytes | None
    """The answer; the code of a refusal; an answer still to be sealed; None if the time is up."""

_UNSEALED = b"?"


class Flight:
    """The first try and every one that overtakes its answer: all are told the same (G4)."""

    __slots__ = (
        "_waiting",
        "account",
        "answer",
        "asked",
        "is_late",
        "message",
        "message_id",
        "recorded",
        "seq",
    )

    def __init__(self, account: str, message_id: str, message: Received | None) -> None:
        """Begin; without a message it is one that was on disk when this process started."""
        self.account = account
        self.message_id = message_id
        self.message = message
        self.recorded = message is None
        """Whether it is on disk: then who waits too long is told "success"."""
        self.is_late = False
        self.answer: Answer | None = None
        """Of a message that was on disk at the start: what the first try that waits has sealed."""
        self.seq = 0
        """Its place in the journal, where a service is asked for the answer."""
        self.asked: asyncio.Future[bytes] | None = None
        """What the service will say; cancelled once nobody cares."""
        self._waiting: list[Waiter] = []

    def wait(self, waiter: Waiter) -> None:
        """Have a try be told the end."""
        self._waiting.append(waiter)

    @property
    def is_awaited(self) -> bool:
        """Whether a request still waits for the end."""
        return any(not waiter.is_over for waiter in self._waiting)

    def end(self, how: End) -> None:
        """Tell everybody."""
        for waiter in self._waiting:
            _tell(waiter, how)
        self._waiting.clear()


class Waiter(Protocol):
    """A try that waits for the end."""

    @property
    def is_over(self) -> bool:
        """Whether it waits no more."""
        ...

    def told(self, end: End) -> None:
        """Hear of it; of none (None) if the time is up."""
        ...


Waits = Deadlines[Waiter]


def waits(loop: asyncio.AbstractEventLoop, seconds: float) -> Waits:
    """Deadlines for those who wait for the end of a flight."""
    return Deadlines(loop, seconds, _give_up)


def _give_up(waiter: Waiter) -> None:
    _tell(waiter, None)


def _tell(waiter: Waiter, how: End) -> None:
    if not waiter.is_over:
        waiter.told(how)


def pack(answer: Answer) -> bytes:
    """Write an answer as claims and journal keep it."""
    status, content_type, body, *_ = answer
    return f"{status} {content_type}\n".encode() + body


def pack_unsealed(spec: bytes) -> bytes:
    """Write what a service said, where nobody is there yet to seal it for."""
    return _UNSEALED + spec


def unpack(kept: bytes) -> Answer | bytes:
    """Read what was kept: an answer, or what is still to be sealed."""
    if kept.startswith(_UNSEALED):
        return kept[1:]
    head, _, body = kept.partition(b"\n")
    status, _, content_type = head.decode().partition(" ")
    return int(status), content_type, body
