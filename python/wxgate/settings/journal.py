"""The `[journal]` table."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from wxgate.settings.account import Text
from wxgate.settings.problems import UnfitError
from wxgate.settings.secret import Secret
from wxgate.settings.table import Table

Durability = Literal["buffer", "data", "full"]

_KEY_BYTES = 32
_MIB = 1 << 20
_SEGMENT = 16 * _MIB
_MAX_BYTES = 8192 * _MIB
_RETAIN_BYTES = 1024 * _MIB


class JournalKey(Secret):
    """The key under which messages lie on the disk."""

    __slots__ = ()

    noun: ClassVar[str] = "secret reference"

    @property
    def raw(self) -> bytes:
        """The 32 bytes."""
        return _decoded(self.reveal())

    @staticmethod
    def unfit(value: str) -> str:
        """Demand 32 bytes, as `openssl rand -hex 32` and `openssl rand -base64 32` write them."""
        if len(_decoded(value)) == _KEY_BYTES:
            return ""
        return "expected 32 bytes, written as 64 hex digits or in base64"


class Journal(Table, frozen=True, kw_only=True):
    """Where messages are on disk before they are acknowledged, and until they are delivered."""

    restart: ClassVar[bool] = True

    dir: Annotated[
        Text,
        Meta(
            description="Folder, relative to where wxgate is started; workers have one each in it."
        ),
    ] = "data/journal"
    durability: Annotated[
        Durability,
        Meta(description='What an acknowledged message survives: "buffer" only a crash of wxgate.'),
    ] = "data"
    key: Annotated[
        JournalKey | None,
        Meta(
            description="Seals messages at rest: 32 bytes as 64 hex digits or base64.",
            examples=["env:JOURNAL_KEY"],
        ),
    ] = None
    segment: Annotated[
        int, Meta(ge=_MIB, le=1024 * _MIB, description="Bytes of a file of the journal.")
    ] = _SEGMENT
    max_bytes: Annotated[
        int, Meta(ge=4 * _MIB, description="Bytes per worker; above it messages are refused.")
    ] = _MAX_BYTES
    retain: Annotated[
        float, Meta(ge=0, le=8760, description="Hours that delivered messages are kept at most.")
    ] = 24.0
    retain_bytes: Annotated[
        int, Meta(ge=0, description="Bytes of delivered messages per worker that are kept at most.")
    ] = _RETAIN_BYTES

    @classmethod
    def rules(cls, got: Mapping[str, object]) -> Iterator[tuple[str, UnfitError]]:
        """Leave room for messages that wait beside those that are done."""
        limit = got.get("max_bytes", _MAX_BYTES)
        segment = got.get("segment", _SEGMENT)
        kept = got.get("retain_bytes", _RETAIN_BYTES)
        if not (isinstance(limit, int) and isinstance(segment, int) and isinstance(kept, int)):
            return
        least = kept + 2 * segment
        if limit < least:
            reason = f"{limit} is less than retain_bytes and two segments, {least}"
            yield "max_bytes", UnfitError(reason, "raise it, or lower the others")


def _decoded(value: str) -> bytes:
    """Return the bytes that are written; none if it is neither hex nor base64."""
    try:
        if len(value) == 2 * _KEY_BYTES:
            return binascii.unhexlify(value)
        return base64.b64decode(value, validate=True)
    except ValueError:
        return b""
