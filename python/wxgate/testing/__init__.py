"""Tests that a store of claims has to pass, for those of wxgate and for one of your own.

Nothing here is imported by the gateway. See ``docs/stores.md``.
"""

from wxgate.testing.claims import ClaimsConformance, Site
from wxgate.testing.messages import message

__all__ = ["ClaimsConformance", "Site", "message"]
