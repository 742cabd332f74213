"""What a refusal sends along, and its log line: no flood, strangers decide how many there are."""

from __future__ import annotations

import logging
import time

_LOG = logging.getLogger("wxgate.refused")
_QUIET = {"verify.signature_probe"}
"""Expected traffic: counted, not logged as trouble."""
_HEADERS = {
    408: (("connection", "close"),),
    413: (("connection", "close"),),
    # Pay and WeChat keep to ladders of their own; balancers and partners read this.
    503: (("retry-after", "1"),),
}


def headers(status: int, wait: int = 0) -> tuple[tuple[str, str], ...]:
    """Return what goes out beside the content type; ``wait`` are seconds, if they are known."""
    return (("retry-after", str(wait)),) if wait else _HEADERS.get(status, ())


class RefusalLog:
    """Logs each (account, code) at most once a second, with the number left out in between."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, account: str, code: str, count: int = 1) -> None:
        """Log refusals, or count them for the next line; the configuration bounds the keys."""
        now = time.monotonic()
        last, left_out = self._seen.get((account, code), (-1.0, 0))
        if now - last < 1.0:
            self._seen[account, code] = (last, left_out + count)
            return
        self._seen[account, code] = (now, 0)
        level = logging.DEBUG if code in _QUIET else logging.WARNING
        left_out += count - 1
        more = f" (and {left_out} more)" if left_out else ""
        _LOG.log(level, "account %s: %s%s", account, code, more)
