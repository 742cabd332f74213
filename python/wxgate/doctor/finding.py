"""One thing that was looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail", "unknown"]


class Finding(msgspec.Struct, frozen=True):
    """What was found where, what was expected, and the one setting to change. Never a secret."""

    verdict: Verdict
    subject: str
    """The account and key, or the address."""
    found: str
    expected: str = ""
    setting: str = ""

    def line(self, width: int) -> str:
        """One line of the table; subjects take `width` columns."""
        more = f"; expected {self.expected}" if self.expected else ""
        change = f" ({self.setting})" if self.setting else ""
        return f"{self.verdict:<8}{self.subject:<{width}}  {self.found}{more}{change}"
