"""Commands as they go over the wire."""

from __future__ import annotations


def command(*words: bytes) -> bytes:
    """Write any command."""
    return b"".join((b"*%d" % len(words), *map(bulk, words), b"\r\n"))


def bulk(word: bytes) -> bytes:
    """Write one word of a command.

    The line's end stands first: so that a constant can stand between two words.
    """
    return b"\r\n$%d\r\n%b" % (len(word), word)
