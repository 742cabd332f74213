"""Stage admit, when the event loop is behind: new messages take turns, and too many are refused.

As long as each turn of the loop is short, a message passes without a trace. When one takes too long
the loop is pressed: then only so many messages begin with each turn, the others queue, and
deliveries that nobody waits for stand back. Turns become short again, and a message that has to be
refused is refused at once instead of after everything that came before it. How long messages queue
is what moves the level of admission.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from wxgate.guard.overload import LEVELS, Overload, OverloadRules, refused_from
from wxgate.guard.shedder import Shedder

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxcore._wxcore import Received

    from wxgate.settings import Settings
    from wxgate.settings.overload import Overload as OverloadTable

_LONG = 0.003
"""Seconds of a turn of the loop from which on it is pressed."""
_SHORT = 0.002
"""Seconds that no turn may take for a whole window before it is pressed no longer."""
_WINDOW = 0.1
"""Seconds after which the level moves, while it is pressed."""
_BUSY = 0.7
"""So much of a window's time a process that has no time left spends on a processor."""
_EACH_TURN = 8
"""Messages that begin with each turn while it is pressed."""
_TRIES = 4
"""Deliveries open at once to each destination while it is pressed."""
_BEAT = 0.002
"""Seconds between two looks at how late the loop is, while it is pressed."""
_SWITCH = 0.0001
"""Seconds after which the loop lends out the GIL, while it is pressed: whoever refuses needs it."""
_SWITCH_CALM = 0.005
"""Python's own."""
_EPOCH_S = 3600
"""How long users keep their levels."""


class Waiter(Protocol):
    """A try that waits for its turn."""

    @property
    def is_over(self) -> bool:
        """Whether it waits no more."""
        ...

    def enter(self) -> None:
        """Hear that it has it."""
        ...


class Turnstile:
    """Stands before the journal. One for each worker, used on its loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        overload: Overload,
        *,
        enabled: bool = True,
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        """Not pressed, and never so unless ``enabled``.

        ``clock`` and ``wall`` tell seconds, the latter since 1970, ``cpu`` those of a processor.
        """
        self.enable(enabled=enabled)
        self._loop = loop
        self.overload = overload
        """The level of admission."""
        self._clock = clock
        self._wall = wall
        self._cpu = cpu
        self._spent = 0.0
        self._queue: deque[tuple[float, Waiter]] = deque()
        self.shedder = Shedder(self._queue)
        self.shed: Callable[[str, int], None] = _unheard
        """Told of what was refused unread: the account, and how many."""
        self._due = self._let_in_at = 0.0
        self._each = _EACH_TURN
        self._longest = 0.0
        self._epoch = 0
        self.pressed = False
        self._ending: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self.tries = sys.maxsize
        """How many deliveries may be open at once to a destination for which nobody waits."""
        self.relieved: Callable[[], None] = _nothing
        """Called once more deliveries may be open."""

    def enable(self, *, enabled: bool) -> None:
        """Let the loop count as pressed when it is, or never."""
        self._long = _LONG if enabled else math.inf

    def apply(self, table: OverloadTable) -> None:
        """Go by other rules from now on."""
        self.enable(enabled=table.enabled)
        self.overload.go_by(_rules(table))
        # Of a time in which nobody cared; only a longer one would press now.
        self._longest = 0.0
        if self.pressed and not table.enabled:
            self._tell()
            self._relieve()

    def standing(self) -> dict[str, object]:
        """How it stands, for the operator."""
        overload = self.overload
        return {
            "pressed": self.pressed,
            "queued": len(self._queue),
            "refuses_from": None if overload.level >= LEVELS else refused_from(overload.level),
            "reads_ahead": overload.ahead[1] if self.pressed else None,
        }

    @property
    def refused_levels(self) -> int:
        """How many levels of admission are refused; 0 if everything is let in."""
        return max(0, LEVELS - self.overload.level)

    def turned(self, seconds: float) -> None:
        """Note how long a turn of the loop took, as far as that is known."""
        if seconds > self._longest:
            self._longest = seconds
            if seconds > self._long and not self.pressed:
                self._press()

    def admits(self, message: Received) -> bool:
        """Whether a message may take its turn; to be asked while pressed."""
        return self.overload.admits(message.level(self._epoch), len(self._queue))

    def turn(self, waiter: Waiter) -> None:
        """Have a message that was admitted be told when it has its turn."""
        if not self._queue:
            self._let_in_at = self._clock()
            self._loop.call_soon(self._let_in)
        self._queue.append((self._clock(), waiter))

    def _let_in(self) -> None:
        now = self._clock()
        queue = self._queue
        # Few where each takes long: a turn that is short again is what all others wait for.
        long = now - self._let_in_at > _LONG
        self._let_in_at = now
        self._each = max(1, self._each // 2) if long else min(_EACH_TURN, self._each + 1)
        for _ in range(min(self._each, len(queue))):
            since, waiter = queue.popleft()
            self.overload.served(now - since)
            if not waiter.is_over:
                waiter.enter()
        if queue:
            self._loop.call_soon(self._let_in)

    def _press(self) -> None:
        self.pressed = True
        self.shedder.room = self.overload.ahead
        if self.shedder.asked:
            sys.setswitchinterval(_SWITCH)
        self._spent = self._cpu()
        self._due = self._clock()
        self.tries = _TRIES
        self._epoch = int(self._wall()) // _EPOCH_S
        self._ending = self._loop.call_later(_WINDOW, self._end_window)
        self._beat()

    def _beat(self) -> None:
        """Measure how late the loop is, whether messages come to be recorded or not."""
        now = self._clock()
        self.turned(now - self._due)
        if self.pressed:
            self._due = now + _BEAT
            self._beating = self._loop.call_later(_BEAT, self._beat)

    def _end_window(self) -> None:
        oldest = self._clock() - self._queue[0][0] if self._queue else 0.0
        unread = self._tell()
        spent, self._spent = self._spent, self._cpu()
        busy = self._spent - spent > _BUSY * _WINDOW
        self.overload.end_window(_WINDOW, oldest, len(self._queue), unread=unread, busy=busy)
        self.shedder.room = self.overload.ahead
        calm = (
            not unread and self._longest < _SHORT and not self._queue and self.overload.admits_all
        )
        self._longest = 0.0
        if calm:
            self._relieve()
        else:
            self._epoch = int(self._wall()) // _EPOCH_S
            self._ending = self._loop.call_later(_WINDOW, self._end_window)

    def _tell(self) -> int:
        """Tell what was refused unread since the last time; return how many."""
        unread = 0
        for account, count in self.shedder.told():
            self.shed(account, count)
            unread += count
        return unread

    def _relieve(self) -> None:
        """Be pressed no longer, and refuse nobody; those who queue still get their turn."""
        self.pressed = False
        for timer in (self._ending, self._beating):
            if timer is not None:
                timer.cancel()
        self.overload.let_all_in()
        self._longest = 0.0
        self.shedder.room = (sys.maxsize, sys.maxsize)
        if self.shedder.asked:
            sys.setswitchinterval(_SWITCH_CALM)
        self.tries = sys.maxsize
        self.relieved()


def turnstile_for(settings: Settings) -> Turnstile:
    """Make a worker's; to be called on its loop."""
    table = settings.overload
    return Turnstile(asyncio.get_running_loop(), Overload(_rules(table)), enabled=table.enabled)


def _rules(table: OverloadTable) -> OverloadRules:
    return OverloadRules(wait=table.wait, down=table.down, up=table.up)


def _unheard(account: str, count: int) -> None:
    """Nobody counts them."""


def _nothing() -> None:
    """Nobody has to be told."""
