"""How much of one destination's window each account may fill, so that none keeps the others out.

What an account has beyond its allowance stays in the journal, as a stuck lane's messages do, and is
fetched when it has room again. Meanwhile the cursor goes on, and finds the messages of the others.
Nobody is counted while a window is nearly empty, as it is as long as its destination keeps up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxgate.dispatch.lane import Lane

_ALONE = 0.75
"""So much of the window any account may fill, so that the next one finds a place."""
LANES_PER_PLACE = 16
"""Lanes may outnumber the window's places: a stuck one costs some hundred bytes and no place."""


class Tenant:
    """What one account has in the window."""

    __slots__ = ("account", "held", "lanes", "spilled")

    def __init__(self, account: str) -> None:
        """Start with nothing."""
        self.account = account
        self.held = 0
        self.lanes = 0
        self.spilled = 0
        """The first seq that was left in the journal; 0 for none."""


class Tenants:
    """The accounts that have messages at one destination."""

    def __init__(self, places: int) -> None:
        """Share so many places."""
        self.resize(places)
        self._all: dict[str, Tenant] = {}
        self.returning: dict[Tenant, None] = {}
        """Those with room again for what they left in the journal."""
        self.counting = False
        """Whether all that is here is counted: while there is little, nothing is."""

    def resize(self, places: int) -> None:
        """Share so many places from now on."""
        self._places = places
        self._alone = max(1, round(places * _ALONE))
        self._lanes = max(1, round(places * LANES_PER_PLACE * _ALONE))

    def count(self, lanes: Iterable[Lane]) -> None:
        """Begin to count, with all that is here."""
        self.counting = True
        for lane in lanes:
            lane.tenant = tenant = self.of(lane.account)
            tenant.lanes += 1
            tenant.held += sum(item.message is not None for item in lane.items)

    def forget(self, lanes: Iterable[Lane]) -> None:
        """Count no more, unless somebody has left something in the journal."""
        if not self.spilled:
            self.counting = False
            self._all.clear()
            for lane in lanes:
                lane.tenant = None

    def of(self, account: str) -> Tenant:
        """Return what an account has, if only nothing yet."""
        tenant = self._all.get(account)
        if tenant is None:
            self._all[account] = tenant = Tenant(account)
        return tenant

    def find(self, account: str) -> Tenant | None:
        """Return what an account has, if anything."""
        return self._all.get(account)

    @property
    def spilled(self) -> bool:
        """Whether some have left messages in the journal."""
        return any(tenant.spilled for tenant in self._all.values())

    def crowds(self, tenant: Tenant, held: int) -> bool:
        """Whether an account has its allowance, in a window that holds so many messages."""
        return tenant.held >= self._allowance(held) or tenant.lanes >= self._lanes

    def _allowance(self, held: int) -> int:
        if held * 2 <= self._places or len(self._all) == 1:
            return self._alone
        return max(1, self._places // (len(self._all) + 1))

    def has_room(self, tenant: Tenant, held: int) -> bool:
        """Whether what an account left behind is worth fetching."""
        roomy = self.is_roomy_for(tenant, held) and tenant.lanes * 2 <= self._lanes
        return bool(tenant.spilled) and roomy

    def is_roomy_for(self, tenant: Tenant, held: int) -> bool:
        """Whether half of an account's allowance is free.

        What cannot move gives up its places from there on: else an account could not come to have
        room again for what it has left behind.
        """
        return tenant.held * 2 <= self._allowance(held)

    def release(self, tenant: Tenant) -> None:
        """Forget an account that has nothing here any more."""
        if not (tenant.held or tenant.lanes or tenant.spilled):
            self._all.pop(tenant.account, None)

    def returned(self) -> None:
        """End a search that has seen all the journal: what still returns has spilled nothing."""
        for tenant in self.returning:
            tenant.spilled = 0
            self.release(tenant)
        self.returning.clear()
