"""Delivering again: paced, in order, with an end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from wxgate.dispatch.replay import Problem, Replay, Search, retained

from .clockwork import loop, play
from .world import Message, Service, busy, refused

if TYPE_CHECKING:
    from collections.abc import Sequence


async def deliver(replay: Replay, service: Service, *messages: Message) -> None:
    """Deliver one after the other."""
    for message in messages:
        await replay.deliver(message, "x", service, (0,))


def test_at_most_so_many_a_second() -> None:
    """The first goes at once."""

    async def run() -> None:
        service, replay = Service(), Replay(rate=4)
        start = loop().time()
        await deliver(replay, service, *(Message(seq, f"k{seq}") for seq in range(1, 10)))
        assert [time - start for time, _ in service.log] == [at / 4 for at in range(9)]
        assert (replay.taken, replay.failed) == (9, 0)

    play(run())


def test_what_may_pass_is_tried_again_what_will_not_is_not() -> None:
    """Behind one that was not taken, its key stays back: order before completeness."""

    async def run() -> None:
        async def behave(name: str, tries: int) -> bytes:
            if name.startswith("slow") and tries < 3:
                raise busy(429, 7.0)
            if name.startswith("never"):
                raise busy(503)
            if name.startswith("no"):
                raise refused(422)
            if name.startswith("bug"):
                raise KeyError(name)
            return b""

        service, replay = Service(behave), Replay()
        names = ("slow", "never", "never", "no", "a", "bug", "no", "a")
        start = loop().time()
        await deliver(replay, service, *(Message(at, name) for at, name in enumerate(names)))
        assert [name for _, name in service.log if name.startswith("slow")] == ["slow/0"] * 3
        assert service.log[2][0] - start == 14.0
        assert service.taken == ["slow/0", "a/4", "a/7"]
        behind = "not tried: behind one that was not taken"
        assert replay.problems == [
            Problem("never/1", "x", "HTTP 503"),
            Problem("never/2", "x", behind),
            Problem("no/3", "x", "HTTP 422"),
            Problem("bug/5", "x", "KeyError"),
            Problem("no/6", "x", behind),
        ]
        assert (replay.taken, replay.failed) == (3, 5)

    play(run())


def test_a_dead_destination_is_not_asked_a_thousand_times() -> None:
    """After a few messages in a row the rest is not tried; other destinations are."""

    async def run() -> None:
        async def behave(_: str, __: int) -> bytes:
            raise busy(503)

        down, up, replay = Service(behave), Service(), Replay()
        for seq in range(3000):
            await replay.deliver(Message(seq, f"k{seq}"), "down", down, (0,))
        await replay.deliver(Message(1, "k"), "up", up, (0,))
        assert len(down.tries) == 5
        assert (replay.taken, replay.failed) == (1, 3000)
        assert len(replay.problems) == 1000

    play(run())


@dataclass
class Kept:
    """A journal as ``wxcore.JournalReader`` reads it."""

    messages: list[Message]

    def find(  # noqa: PLR0913 (as it is there)
        self,
        *,
        openid: str | None = None,
        since: int | None = None,
        until: int | None = None,
        type: str | None = None,  # noqa: A002 (as it is there)
        account: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> Sequence[Message]:
        """Find messages."""
        assert oldest_first
        found = [
            one
            for one in self.messages
            if (openid in (None, one.subject) and account in (None, one.account))
            and type in (None, one.type)
            and (since or 0) <= one.accepted < (until or 10**15)
        ]
        return sorted(found, key=lambda one: one.accepted)[:limit]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 100])
def test_all_that_is_kept_is_found_page_by_page(page: int) -> None:
    """Each once, the oldest first, though many share a millisecond."""
    times = [5, 5, 5, 5, 6, 7, 7, 9, 9, 9, 9, 9, 9, 9]
    messages = [Message(seq, "k", accepted=time) for seq, time in enumerate(times)]
    found = list(retained(Kept(messages), Search(), page))
    assert found == messages


def test_a_search_is_passed_on() -> None:
    """Every condition counts."""
    messages = [
        Message(1, "a", accepted=10),
        Message(2, "b", accepted=20),
        Message(3, "a", accepted=30, account="mini"),
        Message(4, "a", accepted=40, type="x"),
    ]

    def seqs(search: Search) -> list[int]:
        return [one.seq for one in messages if one in retained(Kept(messages), search)]

    assert seqs(Search(openid="a")) == [1, 3, 4]
    assert seqs(Search(account="mini")) == [3]
    assert seqs(Search(type="x")) == [4]
    assert seqs(Search(since=20, until=40)) == [2, 3]


def test_an_empty_journal_has_nothing() -> None:
    """And asks only once."""
    assert list(retained(Kept([]), Search())) == []
    asyncio.run(deliver(Replay(), Service()))
