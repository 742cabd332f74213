"""What all players of WeChat's part have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from wxgate.errors import WxGateError
from wxgate.sim import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wxgate.sim.call import Answer, Call
    from wxgate.sim.message import Message

    Changes = Iterable[tuple[str, str]]

USER_AGENT = ("user-agent", "Mozilla/4.0")
XML_TYPE = ("content-type", "text/xml")
JSON_TYPE = ("content-type", "application/json")
OK = 200
MAX_BODY = 1048576
FRESH = 300
"""Seconds within which Pay and partners must be believed."""


class UnplayableError(WxGateError, ValueError):
    """Nobody can play that; the text says what can be played."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What WeChat makes of an answer."""

    satisfied: bool
    """Whether it stops sending."""
    text: str
    """The answer for people: what was sealed is open."""
    reply: Mapping[str, Any] = field(default_factory=dict)
    """The fields of a reply to the user, opened."""


class Player(Protocol):
    """Plays WeChat towards one account."""

    @property
    def kind(self) -> str:
        """The account's kind."""
        ...

    @property
    def account(self) -> str:
        """The account's name."""
        ...

    @property
    def max_body(self) -> int:
        """What the gateway takes at most; only an attacker sends more."""
        ...

    @property
    def max_age(self) -> int:
        """Seconds after which a call is stale."""
        ...

    @property
    def repertoire(self) -> tuple[str, ...]:
        """The kinds of message that this account is sent."""
        ...

    def message(
        self,
        kind: str,
        what: str | None = None,
        *,
        openid: str | None = None,
        changes: Changes = (),
    ) -> Message:
        """Make up a message; `changes` replace or add fields. Raises `UnplayableError`."""
        ...

    def call(self, message: Message, now: int) -> Call:
        """Make one try at `now` (seconds), with a nonce and a ciphertext of its own."""
        ...

    def read(self, message: Message, answer: Answer) -> Reading:
        """Read an answer as WeChat does."""
        ...

    def with_wrong_key(self) -> Self:
        """Return a player that seals with a key which the account does not have."""
        ...


def no_such(player: Player, kind: str) -> UnplayableError:
    """Explain that there is no such message."""
    known = ", ".join(player.repertoire)
    return UnplayableError(
        f'no "{kind}" is sent to {player.account}, of kind {player.kind}; it is sent: {known}'
    )


def shown(body: bytes) -> str:
    """An answer's body on one line."""
    return body.decode(errors="replace").strip().replace("\n", " ") or "an empty body"


def words(body: bytes) -> str:
    """An acknowledgement's values without its names: `SUCCESS 成功`."""
    return " ".join(map(str, readable(body).values())) or shown(body)


def refused(answer: Answer) -> Reading:
    """Read an answer that is no acknowledgement."""
    return Reading(satisfied=False, text=f"HTTP {answer.status}: {shown(answer.body)}")


def readable(content: bytes) -> dict[str, Any]:
    """Fields of XML or JSON; none if it is neither."""
    try:
        return written.read(content)
    except ValueError:
        return {}
