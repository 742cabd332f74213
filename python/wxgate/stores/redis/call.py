"""What one run of the script is given, as bytes for the wire, and what it answers."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from wxcore._wxcore import bulks

from wxgate.redis.script import Script
from wxgate.redis.wire import bulk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Note = tuple[bytes, bytes, int]
    """What there is to tell of a message: its key, the claim's value from now on or
    ``GIVEN_BACK``, and for how many ms. A plain tuple: a named one costs a quarter of a µs more."""
    Claim = tuple[bytes, Sequence[bytes], bytes]
    """A message to ask for: its key, the keys of its limits, and their terms."""

SCRIPT = Script(files(__package__).joinpath("script.lua").read_text())
DONE, PENDING = b"D", b"P"
"""What a claim's value begins with."""
GIVEN_BACK = b""
_LETTERS = b"nldax"
_DENIED = re.compile(rb"\d+:\d+")


class Frame:
    """What does not change from call to call: written once."""

    def __init__(self, prefix: bytes, holder: bytes, lease: int) -> None:
        """For keys under ``prefix``, leases of ``lease`` ms in the name of ``holder``."""
        self._claim_prefix = prefix + b"c"
        self._limit_prefix = prefix + b"l"
        self.holder = holder
        self._lease = b"%d" % lease
        self._epoch = bulk(prefix + b"e")
        self._clock = bulk(prefix + b"t")
        self._proposal = b""
        self.renew()

    def renew(self) -> None:
        """Propose another epoch from now on: the last one has been taken, or may have been."""
        self._proposal = os.urandom(8).hex().encode()

    def write(self, notes: Sequence[Note], claims: Sequence[Claim]) -> bytes:
        """Write a call by the script's digest."""
        keys = [key for key, _, _ in notes]
        limit_keys: list[bytes] = []
        kinds: dict[bytes, int] = {}
        kind_of = bytearray()
        for key, own, terms in claims:
            keys.append(key)
            limit_keys += own
            kind_of.append(kinds.setdefault(terms, len(kinds) + 1))
        arguments = [self._proposal, self.holder, self._lease, *_runs(notes)]
        arguments += (b"%d" % len(claims), b"%d" % len(kinds), *kinds, bytes(kind_of))
        clock = self._clock if limit_keys else b""
        count = 1 + len(keys) + len(limit_keys) + bool(clock)
        return b"".join(
            (
                b"*%d%b" % (3 + count + len(arguments), SCRIPT.head),
                bulk(b"%d" % count),
                self._epoch,
                bulks(keys, self._claim_prefix),
                bulks(limit_keys, self._limit_prefix),
                clock,
                bulks(arguments, b""),
                b"\r\n",
            )
        )


def read(answer: object, claims: int) -> tuple[bytes, bytes, list[bytes]] | None:
    """Take an answer apart: the epoch, a letter for each claim, the rest. None if it is none."""
    match answer:
        case [bytes(epoch), bytes(letters), list(more)] if len(letters) == claims:
            whole = not letters.translate(None, _LETTERS)
            whole = whole and len(more) == letters.count(b"a") + letters.count(b"x")
            # The only ones that are read any further.
            if whole and b"x" in letters:
                rest = iter(more)
                said = [(letter, next(rest)) for letter in letters if letter in b"ax"]
                whole = all(letter in b"a" or _DENIED.fullmatch(one) for letter, one in said)
            return (epoch, letters, more) if whole else None
    return None


def _runs(notes: Iterable[Note]) -> Iterator[bytes]:
    """Notes that say the same of one message after the other, said once."""
    runs: list[tuple[int, bytes, int]] = []
    count, value, life = 0, b"", 0
    for _, what, how_long in notes:
        if what == value and how_long == life:
            count += 1
            continue
        if count:
            runs.append((count, value, life))
        count, value, life = 1, what, how_long
    if count:
        runs.append((count, value, life))
    yield b"%d" % len(runs)
    for count, value, life in runs:
        yield b"%d" % count
        yield value
        yield b"%d" % life
