"""Who is called: an address taken apart once, into what every request to it repeats."""

from __future__ import annotations

import re
from typing import NamedTuple, Self
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BROKEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Origin(NamedTuple):
    """A host and port, and whether TLS is spoken there."""

    host: str
    port: int
    tls: bool


class Address(NamedTuple):
    """Where requests go, and how they name it."""

    origin: Origin
    authority: str
    """The value of the field ``host``."""
    target: str
    """Path and query."""
    shown: str
    """For logs: without the query, which may hold a secret."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take an absolute http or https address apart. Raises ``ValueError``."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            reason = "expected an http or https address without credentials"
            raise ValueError(reason)
        if not _VISIBLE.fullmatch(url):
            reason = "an address is printable ASCII without spaces"
            raise ValueError(reason)
        tls = parts.scheme == "https"
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        path = parts.path or "/"
        return cls(
            Origin(parts.hostname, port, tls),
            parts.netloc,
            f"{path}?{parts.query}" if parts.query else path,
            f"{parts.scheme}://{parts.netloc}{parts.path}",
        )


def field(name: str, value: str) -> str:
    """Write one header field. Raises ``ValueError`` if it would not stay one."""
    if not _NAME.fullmatch(name) or _BROKEN.search(value):
        reason = "no such field can be sent in a head"
        raise ValueError(reason)
    return f"{name}: {value}\r\n"
