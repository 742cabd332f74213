"""All workers that are up, as one voice: they go by a configuration together, or not at all."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from wxgate.channel import Abort, Commit, Hello, Outcome, Prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wxgate.channel import Channel, Door, Order
    from wxgate.current import Current

_LOG = logging.getLogger("wxgate.reload")
_PATIENCE = 10.0
"""Seconds that a worker has for one step."""


class _Member(msgspec.Struct):
    """A worker that is up."""

    channel: Channel
    pid: int
    number: int
    """The generation that it goes by."""
    outcome: Outcome | None = None
    """What it said last."""


class Council:
    """Used by one thread, but for ``current``, which workers read as they fork."""

    def __init__(self, current: Current, door: Door) -> None:
        """Have no member yet; they come through the door."""
        self.current = current
        self._door = door
        self._members: dict[int, _Member] = {}
        self._ticket = 0
        self._selector = selectors.DefaultSelector()
        self.hear(door.fileno(), self._admit)

    @property
    def is_open(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._members)

    def hear(self, descriptor: int, act: Callable[[], None]) -> None:
        """Have ``listen`` call ``act`` whenever a descriptor is readable."""
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    def listen(self, until: float | None) -> None:
        """Wait for something to happen, and see to it; ``until`` is of ``time.monotonic``."""
        # Whoever joined while the others agreed was heard then, and nothing more comes of it.
        self._catch_up()
        seconds = None if until is None else max(0.0, until - time.monotonic())
        for key, _ in self._selector.select(seconds):
            key.data()
        self._catch_up()

    def agree(self, proposed: Current) -> Sequence[str]:
        """Have all go by a configuration; if one cannot, return why, and nothing has changed."""
        members = list(self._members.values())
        problems = self._all(members, partial(Prepare, proposed))
        if problems:
            self._all(members, Abort)
            return problems
        # Whoever forks from now on starts with it.
        self.current = proposed
        for problem in self._commit(members):
            _LOG.error("%s; it goes by the new configuration as soon as it can", problem)
        return ()

    def _commit(self, members: Sequence[_Member]) -> Sequence[str]:
        for member in members:
            member.number = self.current.number
        return self._all(members, Commit)

    def _catch_up(self) -> None:
        """Bring all workers up to date that were starting while the others agreed."""
        for member in list(self._members.values()):
            if member.number != self.current.number:
                self._bring(member)

    def _bring(self, member: _Member) -> None:
        problems = self._all([member], partial(Prepare, self.current))
        if not problems:
            self._commit([member])
            return
        for problem in problems:
            _LOG.critical("worker %d ends: %s", member.pid, problem)
        member.number = self.current.number
        if member.channel.fileno() in self._members:
            _end(member)

    def _all(self, members: Sequence[_Member], order: Callable[[int], Order]) -> Sequence[str]:
        """Give an order, and wait until it is carried out; return what went wrong."""
        self._ticket += 1
        given = order(self._ticket)
        deaf = []
        for member in members:
            try:
                member.channel.send(given)
            except TimeoutError:
                # Half of it may have been sent: nothing more can be said to this one.
                deaf.append(f"worker {member.pid} does not listen, and ends")
                _end(member)
                self._leave(member)
            except OSError:
                self._leave(member)
        last = time.monotonic() + _PATIENCE
        while (waiting := self._silent(members)) and time.monotonic() < last:
            for key, _ in self._selector.select(max(0.0, last - time.monotonic())):
                key.data()
        problems = [*deaf, *(f"worker {one.pid} does not answer" for one in waiting)]
        return [*dict.fromkeys(problem for one in members for problem in _said(one)), *problems]

    def _silent(self, members: Iterable[_Member]) -> list[_Member]:
        """Those who are there and have not carried out the last order."""
        there = [one for one in members if one.channel.fileno() in self._members]
        return [one for one in there if one.outcome is None or one.outcome.ticket != self._ticket]

    def _admit(self) -> None:
        channel = self._door.admit(_PATIENCE)
        self.hear(channel.fileno(), partial(self._hear, _Member(channel, 0, 0)))

    def _hear(self, member: _Member) -> None:
        try:
            messages = member.channel.receive()
        except (EOFError, OSError):
            self._leave(member)
            return
        for message in messages:
            match message:
                case Hello(pid, number):
                    member.pid, member.number = pid, number
                    self._members[member.channel.fileno()] = member
                case Outcome():
                    member.outcome = message
                case _:
                    pass

    def _leave(self, member: _Member) -> None:
        """Forget a worker that is gone; its successor will come through the door."""
        member.outcome = None
        if member.channel.fileno() >= 0:
            self._selector.unregister(member.channel.fileno())
            self._members.pop(member.channel.fileno(), None)
            member.channel.close()


def _end(member: _Member) -> None:
    with suppress(ProcessLookupError):
        os.kill(member.pid, signal.SIGTERM)


def _said(member: _Member) -> Sequence[str]:
    return member.outcome.problems if member.outcome is not None else ()
