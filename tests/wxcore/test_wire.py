"""Words of Redis commands, as they go over the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wxcore._wxcore import bulks
from wxgate.redis.wire import bulk, command


@given(st.lists(st.binary(max_size=300)), st.binary(max_size=20))
def test_words_are_written_as_one_by_one(words: list[bytes], prefix: bytes) -> None:
    """Whatever is in them, and before them."""
    assert bulks(words, prefix) == b"".join(bulk(prefix + word) for word in words)


def test_a_command_of_them_is_redis_protocol() -> None:
    """As its specification has it, but that the line's end stands first."""
    assert b"*2" + bulks([b"GET", b"key"], b"") + b"\r\n" == command(b"GET", b"key")
    assert command(b"GET", b"key") == b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
