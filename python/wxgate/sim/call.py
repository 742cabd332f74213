"""An HTTP request as WeChat makes it, and what came back."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, before it knows a host. Names may stand twice: an attacker's do."""

    method: str
    path: str
    parameters: Pairs = ()
    headers: Pairs = ()
    body: bytes = b""

    @property
    def query(self) -> str:
        """The raw query string: `+`, `/` and `=` of base64 are escaped, as WeChat does it."""
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in self.parameters)

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.parameters else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and how long it took."""

    status: int
    body: bytes
    seconds: float
