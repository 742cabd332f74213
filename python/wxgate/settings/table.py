"""What all tables of the configuration have in common."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec

from wxgate.settings.problems import UnfitError


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table. Its fields are its keys; each says in its own `Meta` what it is for."""

    noun: ClassVar[str] = "a table"
    """What to call it where something else stands in its place."""

    shorthand: ClassVar[str] = ""
    """The key that is meant when a mere text stands for the whole table."""

    later: ClassVar[Mapping[str, str]] = {}
    """Keys that another version has, and what to say of them in this one."""

    restart: ClassVar[bool] = False
    """Whether none of its keys can change while wxgate runs. Of single keys their `Meta` says so:
    `extra={"restart": True}`."""

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Yield what is wrong between keys. `got` holds the written ones; UNSET if unusable."""
        del got
        yield from ()
