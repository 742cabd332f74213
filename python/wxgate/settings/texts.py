"""Settings that are written as one text and mean more than its characters."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from wxgate.settings.problems import UnfitError

_HIGHEST_PORT = 65535
_GRAPHIC = re.compile(r"[\x21-\x7e]+")
STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Names of streams and of their groups."""
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 (compared with, never bound)


class Written(ABC):
    """A kind of text. What it cannot read, it explains by its noun unless it knows better."""

    __slots__ = ()

    noun: ClassVar[str]

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` means, or raise `UnfitError`."""

    @classmethod
    def unfit(cls) -> UnfitError:
        """Return the general complaint."""
        return UnfitError(f"expected {cls.noun}")

    @property
    def link(self) -> tuple[str, str] | None:
        """The table and the key in it that must exist for this text to make sense."""
        return None


@dataclass(frozen=True, slots=True)
class Address(Written):
    """Where a listener listens."""

    host: str
    port: int

    noun: ClassVar[str] = 'an address like "127.0.0.1:8080" or "[::1]:8080"'

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split host from port; IPv6 stands in brackets."""
        host, colon, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not colon or not bare or (bare == host and ":" in host):
            raise cls.unfit()
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= _HIGHEST_PORT):
            reason = f"expected a port from 1 to {_HIGHEST_PORT}"
            raise UnfitError(reason)
        return cls(bare, int(port))

    def collides(self, other: Address) -> bool:
        """Whether both cannot be listened on at once."""
        hosts = {self.host, other.host}
        return self.port == other.port and (len(hosts) == 1 or not hosts.isdisjoint(_WILDCARDS))

    def __str__(self) -> str:
        """Write the address as the file does."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Url(Written, str):
    """An address of one of the team's own services."""

    __slots__ = ()

    noun: ClassVar[str] = 'an address like "http://127.0.0.1:9001"'

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept absolute http and https addresses that hold no credentials."""
        try:
            parts = urlsplit(text)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            raise cls.unfit() from None
        if not usable or not _GRAPHIC.fullmatch(text):
            raise cls.unfit()
        if "@" in parts.netloc:
            reason = "an address must not hold credentials"
            raise UnfitError(reason, "put them into [upstream.NAME] headers, by reference")
        return cls(text)


class AccountName(Written, str):
    """The name of an account in the same file."""

    __slots__ = ()

    noun: ClassVar[str] = "name of an account"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take any text; whether such an account exists shows when all tables are read."""
        return cls(text)

    @property
    def link(self) -> tuple[str, str]:
        """The table and key that must exist."""
        return ("account", self)


@dataclass(frozen=True, slots=True)
class Target(Written):
    """Where a route leads."""

    scheme: Literal["upstream", "http", "stream", "python", "log"]
    place: str = ""

    noun: ClassVar[str] = (
        'a target: "upstream:NAME", "http://…", "stream:NAME", "python:module:function", "log:"'
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Recognise the target by what stands before its first colon."""
        scheme, _, place = text.partition(":")
        match scheme:
            case "upstream" if place:
                return cls("upstream", place)
            case "http" | "https":
                return cls("http", Url.parse(text))
            case "python" if _is_function(place):
                return cls("python", place)
            case "log" if text == "log:":
                return cls("log")
            case "stream" if STREAM.fullmatch(place):
                return cls("stream", place)
            case "kafka":
                reason = f'"{scheme}:" is not in this version'
                raise UnfitError(reason, 'use "stream:NAME", "upstream:NAME" or "http://…"')
            case _:
                raise cls.unfit()

    @property
    def link(self) -> tuple[str, str] | None:
        """The table and key that must exist, if the target names one."""
        return ("upstream", self.place) if self.scheme == "upstream" else None

    def __str__(self) -> str:
        """Write the target as the file does."""
        # A plain text: it becomes the destination's name, which is written as JSON.
        return str(self.place) if self.scheme == "http" else f"{self.scheme}:{self.place}"


def _is_function(place: str) -> bool:
    module, colon, function = place.partition(":")
    names = [*module.split("."), function]
    return bool(colon) and all(name.isidentifier() for name in names)
