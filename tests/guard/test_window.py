"""Counts over a time that moves on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wxgate.guard.window import Counts, Window


def test_what_is_older_than_the_window_is_not_counted() -> None:
    """Within a tenth of it."""
    window = Window(10.0)
    window.count(100.0, failed=True, slow=False)
    window.count(105.0, failed=False, slow=True)
    assert window.counts(109.0) == Counts(2, 1, 1)
    assert window.counts(112.0) == Counts(1, 0, 1)
    assert window.counts(200.0) == Counts(0, 0, 0)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60))
def test_it_counts_what_a_list_would(steps: list[tuple[float, bool]]) -> None:
    """All of the last nine tenths, and nothing that is older than the window and a tenth."""
    window, now, seen = Window(10.0), 0.0, []
    for wait, failed in steps:
        now += wait
        window.count(now, failed=failed, slow=not failed)
        seen.append((now, failed))
        counts = window.counts(now)
        surely = [one for at, one in seen if at > now - 9.0]
        perhaps = [one for at, one in seen if at > now - 11.0]
        assert len(surely) <= counts.calls <= len(perhaps)
        assert sum(surely) <= counts.failed <= sum(perhaps)
        assert counts.calls == counts.failed + counts.slow
