"""The retry budget: what is delivered earns it, what is retried in vain spends it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wxgate.guard.budget import RetryBudget


def test_an_empty_budget_fills_with_time_and_deliveries() -> None:
    """A floor for peers with little traffic, a share for the others."""
    budget = RetryBudget(0.2, 1.0, now=100.0)
    for _ in range(10):
        assert budget.allows(100.0, 0)
        budget.spend()
    assert not budget.allows(100.0, 0)
    assert not budget.allows(100.9, 0)
    assert budget.allows(101.0, 0)
    budget.spend()
    assert not budget.allows(101.0, 4)
    assert budget.allows(101.0, 5)


def test_retries_that_are_taken_cost_nothing() -> None:
    """A peer that is well again gets all that waited for it."""
    budget = RetryBudget(0.0, 1.0)
    assert all(budget.allows(0.0, at) for at in range(10_000))


@given(
    st.floats(0, 1),
    st.floats(0.1, 50),
    st.lists(st.tuples(st.floats(0, 2), st.integers(0, 20)), max_size=80),
)
def test_retries_in_vain_are_bounded(
    share: float, floor: float, steps: list[tuple[float, int]]
) -> None:
    """By what was saved at first, by a share of what was delivered, and by the floor."""
    budget, now, delivered, spent = RetryBudget(share, floor), 0.0, 0, 0
    for wait, more in steps:
        now += wait
        delivered += more
        while budget.allows(now, delivered):
            budget.spend()
            spent += 1
        assert spent <= max(1.0, floor * 10) + share * delivered + floor * now + 1e-6
