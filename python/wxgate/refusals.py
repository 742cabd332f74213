"""One log line for a refusal, but no flood: strangers decide how many there are."""

from __future__ import annotations

import logging
import time

_LOG = logging.getLogger("wxgate.refused")
_QUIET = {"verify.signature_probe"}
"""Expected traffic: counted, not logged as trouble."""


class RefusalLog:
    """Logs each (account, code) at most once a second, with the number left out in between."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, account: str, code: str) -> None:
        """Log a refusal, or count it for the next line; the configuration bounds the keys."""
        now = time.monotonic()
        last, left_out = self._seen.get((account, code), (-1.0, 0))
        if now - last < 1.0:
            self._seen[account, code] = (last, left_out + 1)
            return
        self._seen[account, code] = (now, 0)
        level = logging.DEBUG if code in _QUIET else logging.WARNING
        more = f" (and {left_out} more)" if left_out else ""
        _LOG.log(level, "account %s: %s%s", account, code, more)
