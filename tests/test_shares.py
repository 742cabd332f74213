"""Places among the open requests: no tenant may keep the others out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wxgate.shares import Shares


def crowd(shares: Shares, tenant: str, tries: int = 1000) -> int:
    """Let a tenant take what it gets."""
    taken = 0
    for _ in range(tries):
        if shares.refusal(tenant) is None:
            shares.enter(tenant)
            taken += 1
    return taken


def test_who_is_alone_may_have_everything() -> None:
    """One account, and no platform: there is nobody to be fair to."""
    shares = Shares(100, alone=True)
    assert crowd(shares, "shop") == 100
    assert shares.refusal("shop") == "admit.busy"


def test_a_flood_leaves_a_quarter_to_the_others() -> None:
    """Which they get, however hard the first one pushes."""
    shares = Shares(100, alone=False)
    assert crowd(shares, "greedy") == 75
    assert shares.refusal("greedy") == "admit.over_share"
    assert crowd(shares, "modest", 10) == 10
    assert crowd(shares, "greedy") == 0
    assert crowd(shares, "another", 15) == 15
    assert shares.refusal("another") == "admit.busy"


def test_places_come_back() -> None:
    """When a request is answered its place is free again, and an idle tenant costs nothing."""
    shares = Shares(8, alone=False)
    for _ in range(1000):
        shares.enter("shop")
        shares.leave("shop")
    assert shares.open == 0
    assert crowd(shares, "shop") == 6


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=400))
def test_never_more_than_there_are_and_never_nothing_for_who_has_none(
    steps: list[tuple[str, bool]],
) -> None:
    """Whatever comes and goes: the bound holds, and below it a newcomer is let in."""
    shares = Shares(20, alone=False)
    held: list[str] = []
    for tenant, comes in steps:
        if comes and shares.refusal(tenant) is None:
            shares.enter(tenant)
            held.append(tenant)
        elif not comes and tenant in held:
            shares.leave(tenant)
            held.remove(tenant)
        assert shares.open == len(held) <= 20
        assert (shares.refusal("newcomer") is None) == (shares.open < 20)
