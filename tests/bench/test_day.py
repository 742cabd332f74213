"""A short day: the gateway, the far end and the player as they are, and books that balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate.bench.day import books
from wxgate.bench.day.books import Books
from wxgate.bench.day.far_end import Taken, Tally
from wxgate.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def played() -> Books:
    """A day of 600 messages in two seconds, played once."""
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("sys.stdout.write", lines.append)
        main(["bench", "day", "--messages", "600", "--rate", "300", "--forged", "0.1", "--json"])
    return msgspec.json.decode(lines[0], type=Books)


def test_what_went_in_was_acknowledged_and_arrived(played: Books) -> None:
    """Each message once, whatever strangers sent in between."""
    counts = played.seen.counts
    assert counts.messages == counts.acknowledged == played.accepted == 600
    assert (played.ids, played.arrived, played.lost) == (counts.messages, counts.messages, 0)
    assert counts.kept_out == counts.forged > 0
    assert played.repeated >= counts.repeats == counts.repeats_alike


def test_every_process_has_its_cost(played: Books) -> None:
    """CPU and memory of each."""
    assert {cost.name for cost in played.costs} == {"gateway", "service", "player"}
    assert all(cost.cpu > 0 and cost.rss > 1 for cost in played.costs)
    text = "\n".join(books.lines(played))
    assert "lost 0; arrived twice 0" in text
    assert "such days fit in a day" in text


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda day: {"ids": day.ids - 1}, "1 acknowledged messages did not arrive"),
        (lambda day: {"arrived": day.arrived + 2}, "2 events arrived twice"),
        (lambda day: {"ids": day.ids + 1}, "more arrived than was sent"),
        (lambda _: {"repeated": -1}, "the gateway recognised -1"),
    ],
)
def test_books_that_do_not_balance(
    played: Books, spoil: Callable[[Books], dict[str, int]], line: str
) -> None:
    """Each disagreement has its line."""
    spoiled = msgspec.structs.replace(played, **spoil(played))
    assert any(line in fault for fault in books.faults(spoiled))


def test_the_far_end_knows_an_id_again() -> None:
    """In a batch or alone."""
    tally = Tally()
    tally.take(b'[{"id":"a","data":{}},{"id":"b"}]')
    tally.take(b'{"id":"a"}')
    assert tally.taken == Taken(events=3, ids=2)
