"""What the audience sees: some of the messages, from each account, spread over the whole demo."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from wxgate.sim.gist import gist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wxgate.event import Event
    from wxgate.sim.call import Call
    from wxgate.sim.errand import Errand, Try
    from wxgate.sim.message import Message

    Tell = Callable[[str], None]

_LINES = 20
_AT_ONCE = 4
_WIDTH = 40


class Screen:
    """Tells of an errand if there is time to read it; of the accounts in turn."""

    def __init__(self, tell: Tell, accounts: Iterable[str], seconds: float) -> None:
        """Spread the lines over so many seconds from now."""
        self._tell = tell
        self._turns = Counter(dict.fromkeys(accounts, 0))
        self._pace = _LINES / seconds
        self._started = time.perf_counter()
        self._lines = 0
        self._watched: dict[str, str] = {}

    def wants(self, account: str) -> bool:
        """Whether there is room for an errand to this account, and it is its turn."""
        room = _AT_ONCE + self._pace * (time.perf_counter() - self._started)
        is_due = self._turns[account] == min(self._turns.values())
        return is_due and self._lines < min(room, _LINES)

    def open(self, message: Message, account: str) -> None:
        """Watch for a message at the service."""
        self._turns[account] += 1
        self._watched[message.mark] = ""

    def arrived(self, event: Event) -> None:
        """Tell of an event if it is watched for; the second one with an id is a retry."""
        for mark in self._watched:
            if mark in str(event.data):
                seen, self._watched[mark] = self._watched[mark], event.id
                self._say("↻" if seen == event.id else "→", event.account, _what(event))

    def close(self, errand: Errand, tries: Sequence[Try]) -> None:
        """Tell what came back."""
        account = errand.player.account
        del self._watched[errand.message.mark]
        if errand.forgery is not None:
            self._say("x" if tries[-1].went_well else "!", account, _outcome(errand, tries[-1]))
        elif errand.message.title == "url" or tries[0].reading.reply:
            self._say("←", account, tries[0].reading.text)
        elif not tries[0].went_well:
            self._say("!", account, tries[0].reading.text)

    def sample(self, call: Call, event: Event, answer: str) -> None:
        """Show one message whole: sealed as it went in, readable as it came out."""
        body = call.body.decode()
        sealed = body[body.find("<Encrypt>") :][:_WIDTH]
        self._tell(f"WeChat posts {len(body)} bytes to {call.path}: {sealed}…")
        self._tell(f"the service reads {event.type}: {gist(event.data)}; WeChat gets a {answer}")
        self._tell("")

    def _say(self, sign: str, account: str, what: str) -> None:
        self._lines += 1
        self._tell(f"  {sign} {account:<9} {what}")


def _what(event: Event) -> str:
    kind = event.type.removeprefix("wechat.").partition(".")[0]
    return f"{kind:<11} {gist(event.data)}"


def _outcome(errand: Errand, last: Try) -> str:
    if errand.forgery is None:
        return ""
    status = last.answer.status if last.answer else "no answer"
    refused = "refused" if last.went_well else "NOT REFUSED"
    return f"forged: {errand.forgery.about}; {status}, {refused}"
