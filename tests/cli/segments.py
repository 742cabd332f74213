"""A journal written by hand, as the format is documented: a second opinion on the Rust code."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE, SETTLED, CHECKPOINT = 1, 2, 3
_PAGE = 4096
_POLYNOMIAL = 0x82F63B78


def _table() -> list[int]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C, a table at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def leb(*numbers: int) -> bytes:
    """Unsigned LEB128, one after the other."""
    out = bytearray()
    for number in numbers:
        rest = number
        while rest >= 0x80:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _text(text: str) -> bytes:
    raw = text.encode()
    return leb(len(raw)) + raw


@dataclass
class Message:
    """An entry."""

    seq: int
    accepted: int
    event: bytes
    account: str = "shop"
    type: str = "wechat.official.text"
    subject: str = "oUser"
    destinations: tuple[int, ...] = (0,)

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"{self.account}:m:{self.seq}"

    def payload(self) -> bytes:
        """Write the entry."""
        head = struct.pack("<Bqq", 2, self.accepted, 60_000)
        count = len(self.destinations)
        to = struct.pack(f"<H{count}H", count, *self.destinations)
        texts = (self.id, self.account, self.type, self.subject, self.subject)
        return head + to + b"".join(map(_text, texts)) + self.event


@dataclass
class Segment:
    """A segment file in the making."""

    number: int = 1
    first: int = 1
    epoch: int = 0x01020304
    frames: bytearray = field(default_factory=bytearray)

    def add(self, kind: int, seq: int, payload: bytes) -> None:
        """Append a frame."""
        size = struct.pack("<I", len(payload))
        rest = struct.pack("<QIB", seq, self.epoch, kind) + payload
        self.frames += size + struct.pack("<I", crc32c(size + rest)) + rest

    def checkpoint(self, names: tuple[str, ...], segments: tuple[int, ...] = (1,)) -> None:
        """Say who there is to deliver to; nobody has anything yet."""
        payload = leb(len(names))
        payload += b"".join(_text(name) + leb(0, 0) for name in names)
        payload += leb(len(segments))
        payload += b"".join(leb(number, 1, 1, 1) + bytes(8) for number in segments)
        self.add(CHECKPOINT, self.first - 1, payload)

    def message(self, message: Message) -> None:
        """Append a message."""
        self.add(MESSAGE, message.seq, message.payload())

    def settle(self, at: int, destination: int, seq: int) -> None:
        """Note that a destination has taken a message."""
        self.add(SETTLED, at, struct.pack("<H", destination) + leb(seq))

    def save(self, folder: Path) -> Path:
        """Write the file, filled with zeros ahead."""
        fields = (b"wxgatejn", 1, self.epoch, self.number, self.first, 0, 0, bytes(24), 0)
        header = struct.pack("<8sIIQQqI24sQ", *fields)
        copy = header + struct.pack("<I", crc32c(header))
        page = (copy.ljust(_PAGE // 2, b"\0") * 2)[:_PAGE]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.number:010}.seg"
        path.write_bytes(page + self.frames + bytes(2000))
        return path
