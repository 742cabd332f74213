"""Tests that a store of claims, or of limits, has to pass: those of wxgate, and one of your own.

Nothing here is imported by the gateway. See ``docs/stores.md``.
"""

from wxgate.testing.claims import ClaimsConformance, Site
from wxgate.testing.limits import LimitsConformance, LimitsNode, LimitsSite
from wxgate.testing.messages import Rule, limited, message

__all__ = [
    "ClaimsConformance",
    "LimitsConformance",
    "LimitsNode",
    "LimitsSite",
    "Rule",
    "Site",
    "limited",
    "message",
]
