"""Who may have a place among the requests that are open, when places become few."""

from __future__ import annotations

_FREELY = 0.75
"""So much of all places anybody may take; the rest is for who has less than a fair share."""


class Shares:
    """The open requests of one worker, tenant by tenant.

    A tenant is an account, or one of those on whose behalf a platform is called. Nobody takes more
    than three quarters alone, so that whoever comes next finds a place; and of the last quarter
    only who has less than all places divided by the tenants that have some, and one more. A worker
    with one account, and no platform, has nobody to be fair to.
    """

    def __init__(self, most: int = 1, *, alone: bool = True) -> None:
        """Give at most ``most`` places; ``alone`` if there is only one tenant."""
        self._of: dict[str, int] = {}
        self.open = 0
        self.resize(most, alone=alone)

    def resize(self, most: int, *, alone: bool) -> None:
        """Give at most so many places from now on; who has one keeps it."""
        self._most = most
        self._freely = most if alone else max(1, round(most * _FREELY))

    def refusal(self, tenant: str) -> str | None:
        """Return why a tenant gets no further place; None if it does."""
        if self.open < self._freely:
            return None
        if self.open >= self._most:
            return "admit.busy"
        own = self._of.get(tenant, 0)
        others = len(self._of) - (own > 0)
        # Its own place among those who share, and one kept for who has none yet.
        return "admit.over_share" if own * (others + 2) >= self._most else None

    def enter(self, tenant: str) -> None:
        """Take a place."""
        self.open += 1
        self._of[tenant] = self._of.get(tenant, 0) + 1

    def leave(self, tenant: str) -> None:
        """Give it back."""
        self.open -= 1
        left = self._of[tenant] - 1
        if left:
            self._of[tenant] = left
        else:
            del self._of[tenant]
