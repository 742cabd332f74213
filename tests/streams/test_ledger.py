"""What a writer remembers of its appends, held against a server that loses some."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wxgate.streams.ledger import Ledger


def test_what_comes_after_the_server_s_tail_is_owed() -> None:
    """Exactly that, in the order in which it was appended."""
    ledger = Ledger()
    for start in (1, 3, 5):
        ledger.confirm(ledger.attempt(), [start, start + 1], start, 100)
    assert ledger.rewind(1) == 4
    assert ledger.owed == [3, 4, 5, 6]
    assert ledger.confirmed == 1
    assert len(ledger) == 2


def test_an_attempt_without_an_answer_may_be_there_or_not() -> None:
    """Both tails are what they should be."""
    ledger = Ledger()
    ledger.confirm(ledger.attempt(), [1], 1, 100)
    ledger.attempt()
    assert [ledger.fits(tail) for tail in range(4)] == [False, True, True, False]


def test_what_every_group_has_finished_is_forgotten() -> None:
    """It needs no repair, whatever the server loses."""
    ledger = Ledger()
    for time in (10, 20, 30):
        ledger.confirm(ledger.attempt(), [time], time, 100)
    ledger.finish(20)
    assert ledger.rewind(0) == 2
    assert ledger.owed == [20, 30]


def test_what_is_too_much_to_remember_is_counted() -> None:
    """So that a loss can be said to be larger than what is repaired."""
    ledger = Ledger()
    ledger.confirm(ledger.attempt(), [1, 2, 3], 1, 2)
    assert ledger.forgotten == 1
    assert ledger.rewind(0) == 2
    assert ledger.owed == [2, 3]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 3)),
            st.tuples(st.just("unanswered"), st.booleans()),
            st.tuples(st.just("lose"), st.integers(0, 5)),
        )
    )
)
def test_nothing_that_a_server_loses_is_missed(steps: list[tuple[str, int]]) -> None:
    """A model of a server that may forget its last appends at any time."""
    ledger, seq = Ledger(), 0
    server: list[tuple[int, list[int]]] = []
    confirmed: set[int] = set()

    def settle() -> None:
        tail = server[-1][0] if server else 0
        least = ledger.confirmed if len(ledger) else 0
        if not least <= tail <= ledger.attempted:
            ledger.rewind(tail)
        owed, ledger.owed = ledger.owed, []
        if owed:
            number = ledger.attempt()
            server.append((number, owed))
            ledger.confirm(number, owed, 0, 1000)

    for step, value in steps:
        if step == "lose":
            del server[len(server) - min(value, len(server)) :]
            continue
        settle()
        seq += 1
        number = ledger.attempt()
        if step == "append":
            server.append((number, [seq]))
            ledger.confirm(number, [seq], 0, 1000)
            confirmed.add(seq)
        elif value:
            server.append((number, [seq]))
    settle()
    assert confirmed <= {one for _, seqs in server for one in seqs}
