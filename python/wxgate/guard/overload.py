"""Which messages are refused when there are too many. Pure: time is an argument, in seconds.

After the overload control of WeChat's own back end, DAGOR (Zhou et al., 2018): too much is when
what is let in has to queue for too long. Then, window by window, the level from which on messages
are refused goes down until what is let in is what can be served, and comes back in small steps.
Levels are classes by business, and users by hash within a class. They say nothing of what is
refused unread, which is most of it where more comes than can be read: that is refused evenly.
"""

from __future__ import annotations

import msgspec

LEVELS = 640
"""As many as ``wxcore`` tells apart; 128 of them to a class, the most important first."""
CLASSES = ("pay", "refund", "authorisation", "user", "passing")
"""What the levels of a class are called together."""
PER_CLASS = LEVELS // len(CLASSES)
_USERS = CLASSES.index("user") * PER_CLASS
_LEAST_ROOM = 32
_URGENT_ROOM = 4
"""As many times longer may the queue be for what comes before users' messages."""
_CHOICE = 0.2
"""Of what is read while others are refused unread, so much at most is refused for its level."""
_FEW = 8
"""Where no more were served in a window or queue still, the machine stood still for a moment, which
is no flood: half of the users would be refused for one message that had to wait."""
_WAITS = 2
"""For so many times the wait that is allowed on average the queue has room."""
_AHEAD = 0.5
"""For so many times it, what is unread included: then the rest is refused unread."""
_UNREAD = 0.4
"""For so many times it, what is unread alone."""
_FLOOD = 0.1
"""It is a flood where more are refused unread than this share of what is read."""
_FLOOD_OVER = 10
"""Windows without one, after which those who come all at once are a burst."""
_BURST = 2.5
"""In a burst so many times more may wait, which is for the whole wait that is allowed."""
_FADES = 0.9
"""What was served in a window says what can be, less by this in each window after it: one in which
others had the processor would have the next one's refused, and refusals cost what serving needs."""
_LEAST_AHEAD, _LEAST_UNREAD = 16, 8
_ROOMY = 512
"""So many may wait unread as long as nobody knows what can be served."""


def refused_from(level: int) -> str:
    """Name the class that a level belongs to, and the part of its users that gets through."""
    name = CLASSES[level // PER_CLASS]
    return f"{name}, but for {level % PER_CLASS / PER_CLASS:.0%} of its users"


class OverloadRules(msgspec.Struct, frozen=True, kw_only=True):
    """When there is too much, and how fast the level moves."""

    wait: float = 0.02
    """Seconds of queueing, on average of a window, above which less is let in."""
    down: float = 0.05
    """By which share less is let in after a window in which there was too much."""
    up: float = 0.03
    """By which share more after one in which there was not."""


class Overload:
    """The level of admission, and what is counted to move it."""

    __slots__ = (
        "_capacity",
        "_in",
        "_room",
        "_rules",
        "_seen",
        "_served",
        "_since_flood",
        "_waited",
        "ahead",
        "level",
    )

    def __init__(self, rules: OverloadRules) -> None:
        """Let everything in."""
        self._rules = rules
        self.level = LEVELS
        """Messages of this level and above are refused."""
        self.ahead = (_ROOMY, _ROOMY)
        """How many may wait to be read, and together with those who wait for their turn.

        To refuse all others unread costs least.
        """
        self._room = _LEAST_ROOM
        self._capacity = 0.0
        """Messages that can be served in a window, by what has been seen."""
        self._since_flood = _FLOOD_OVER
        """Windows since the last one of a flood."""
        self._start_window()

    def go_by(self, rules: OverloadRules) -> None:
        """Decide by other rules from now on."""
        self._rules = rules

    def let_all_in(self) -> None:
        """Refuse nothing, until a window from now on says otherwise."""
        self.level = LEVELS
        self._start_window()

    def _start_window(self) -> None:
        self._seen = [0] * LEVELS
        self._in = 0
        self._served = 0
        self._waited = 0.0

    @property
    def admits_all(self) -> bool:
        """Whether nothing is refused."""
        return self.level >= LEVELS

    def admits(self, level: int, queued: int) -> bool:
        """Whether a message may queue behind so many others; each is asked for once.

        Before a window has shown what can be served, the queue's length is what bounds the wait.
        """
        self._seen[level] += 1
        room = self._room if level >= _USERS else self._room * _URGENT_ROOM
        if level >= self.level or queued >= room:
            return False
        self._in += 1
        return True

    def served(self, waited: float) -> None:
        """Note that a message need queue no longer, after so many seconds."""
        self._served += 1
        self._waited += waited

    def end_window(
        self, seconds: float, oldest: float, queued: int, *, unread: int, busy: bool
    ) -> None:
        """Move the level after a window of so many seconds.

        ``oldest`` says for how long what queues first has queued by now, ``queued`` how many do,
        ``unread`` how many requests were refused without being read, and ``busy`` whether there
        was as good as no time left in it.
        """
        waited = max(self._waited / self._served if self._served else 0.0, oldest)
        seen = sum(self._seen)
        too_much = waited > self._rules.wait and self._served + queued > _FEW
        if too_much:
            # Part of the next window belongs to those who queue already.
            few = self._served * (1 - self._rules.down) - queued / 4
            self._lower(max(few, self._served / 2))
        elif unread:
            # Of many some are read only to be refused: so that there is a choice at all. Of few
            # as few: for those who came with a burst a fifth of all would be refused.
            self._approach(seen - seen * min(_CHOICE, unread / (unread + seen)))
        elif not busy:
            self._approach(seen)
        elif self.level < LEVELS:
            self._raise(self._in * self._rules.up)
        self._since_flood = 0 if unread > _FLOOD * seen else self._since_flood + 1
        self._make_room(seconds, full=busy or too_much)
        self._start_window()

    def _make_room(self, seconds: float, *, full: bool) -> None:
        """Say how many may wait after a window of so many seconds, and whether it was full."""
        self._capacity = max(self._served, self._capacity * _FADES)
        waits = self._rules.wait * self._capacity / seconds
        if self._served:
            self._room = max(_LEAST_ROOM, round(_WAITS * waits))
        if not full:
            # What was served says nothing of what could be.
            self.ahead = (min(2 * self.ahead[0], _ROOMY), min(2 * self.ahead[1], _ROOMY))
        elif self._served:
            if self._since_flood >= _FLOOD_OVER:
                waits *= _BURST
            self.ahead = (
                max(_LEAST_UNREAD, round(_UNREAD * waits)),
                max(_LEAST_AHEAD, round(_AHEAD * waits)),
            )

    def _approach(self, many: float) -> None:
        """Let in so many of messages like those of this window: less at once, more by halves.

        How much is read goes by what can be served, unless there is time left for all: the level
        need not feel its way up. It may have fallen far, for when a flood begins most of a window
        goes to reading what is then refused.
        """
        if many < self._in:
            self._lower(many)
        elif self.level < LEVELS:
            self._raise(max(self._in * self._rules.up, (many - self._in) / 2))

    def _lower(self, few: float) -> None:
        """Let in, of messages like those of this window, no more than so many; never none."""
        total = 0
        for level in range(self.level):
            total += self._seen[level]
            if total > few:
                self.level = max(1, level)
                return

    def _raise(self, more: float) -> None:
        """Let in so many more of messages like those of this window, or one level at least."""
        total = 0
        while self.level < LEVELS:
            total += self._seen[self.level]
            self.level += 1
            if total > more:
                return
