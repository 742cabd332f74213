"""The reader of answers: what it takes, in whatever pieces, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxgate.sinks.answer import (
    MAX_BODY,
    MAX_HEAD,
    Answer,
    AnswerReader,
    UnreadableAnswerError,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

TAKEN = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", Answer(200, b"hello"), True),
    "no body": (OK + b"content-length: 0\r\n\r\n", Answer(200, b""), True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Answer(200, b""), True),
    "empty reason": (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", Answer(200, b""), True),
    "UTF-8 reason": (
        b"HTTP/1.1 200 \xe5\xa5\xbd\r\nContent-Length: 0\r\n\r\n",
        Answer(200, b""),
        True,
    ),
    "no space, tabs": (OK + b"CONTENT-LENGTH:\t2 \t\r\n\r\nab", Answer(200, b"ab"), True),
    "keep-alive": (
        OK + b"Connection: keep-alive\r\nContent-Length: 1\r\n\r\na",
        Answer(200, b"a"),
        True,
    ),
    "close": (OK + b"Connection: Close\r\nContent-Length: 1\r\n\r\na", Answer(200, b"a"), False),
    "close among others": (
        OK + b"Connection: foo, close\r\nConnection: bar\r\nContent-Length: 0\r\n\r\n",
        Answer(200, b""),
        False,
    ),
    "an option that only ends in close": (
        OK + b"Connection: disclose\r\nContent-Length: 0\r\n\r\n",
        Answer(200, b""),
        True,
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", Answer(200, b"a"), False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, b""), True),
    "304 with a length": (b"HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", Answer(304, b""), True),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nab",
        Answer(200, b"ab"),
        True,
    ),
    "chunks": (
        CHUNKED + b"5\r\nhello\r\n006;a=b\r\n world\r\n0\r\n\r\n",
        Answer(200, b"hello world"),
        True,
    ),
    "chunks with trailers": (
        CHUNKED + b"A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n",
        Answer(200, b"0123456789"),
        True,
    ),
    "no chunk at all": (CHUNKED + b"0\r\n\r\n", Answer(200, b""), True),
    "retry later": (
        b"HTTP/1.1 503 X\r\nRetry-After: 7 \r\nContent-Length: 0\r\n\r\n",
        Answer(503, b"", "7"),
        True,
    ),
}

HEAD_LINES = {
    "another protocol": b"SSH-2.0-OpenSSH_9\r\n",
    "a request": b"POST / HTTP/1.1\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "no HTTP": b"<html>\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "status of 2": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of 4": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 OK\r\n\r\n",
    "status above 599": b"HTTP/1.1 600 OK\r\n\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "lower case": b"http/1.1 200 OK\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
    "a control in the reason": b"HTTP/1.1 200 O\x00K\r\n\r\n",
}
FIELD_LINES = {
    "no colon": b"Nothing\r\n",
    "no name": b": value\r\n",
    "space before the colon": b"Content-Length : 5\r\n",
    "folded": b"X: a\r\n b\r\n",
    "bare LF": b"X: a\nContent-Length: 5\r\n",
    "bare CR": b"X: a\rb\r\n",
    "NUL": b"X: a\x00b\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a list of lengths": b"Content-Length: 5, 5\r\n",
    "a negative length": b"Content-Length: -5\r\n",
    "a signed length": b"Content-Length: +5\r\n",
    "an empty length": b"Content-Length:\r\n",
    "a hexadecimal length": b"Content-Length: 0x5\r\n",
    "a length with an underscore": b"Content-Length: 1_0\r\n",
    "a length in other digits": "Content-Length: ５\r\n".encode(),
    "a length beyond bounds": b"Content-Length: %d\r\n" % (MAX_BODY + 1),
    "an endless length": b"Content-Length: %b\r\n" % (b"9" * 5000),
    "both framings": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n",
    "no coding": b"Transfer-Encoding: identity\r\n",
    "a coding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "an obscured coding": b"Transfer-Encoding: \x0bchunked\r\n",
}
CHUNKS = {
    "no size": b"\r\n",
    "no number": b"xyz\r\n",
    "a signed size": b"+5\r\nhello\r\n",
    "a size with a prefix": b"0x5\r\nhello\r\n",
    "a long size": b"000000005\r\nhello\r\n",
    "a bare LF": b"5\nhello\r\n0\r\n\r\n",
    "too little data": b"6\r\nhello\r\n0\r\n\r\n",
    "too much data": b"4\r\nhello\r\n0\r\n\r\n",
    "beyond bounds": b"FFFFFFFF\r\n",
    "beyond bounds together": b"3FFFF\r\n%b\r\n2\r\n" % (b"x" * 0x3FFFF),
    "an endless line": b"5;" + b"x" * 5000,
    "a control in an extension": b"5;\x00\r\nhello\r\n",
    "no trailer": b"0\r\nNothing\r\n\r\n",
    "endless trailers": b"0\r\n" + b"X: %b\r\n" % (b"y" * 1000) * 20,
}


def read(data: bytes, step: int) -> AnswerReader:
    """Feed it in pieces; each but the last must leave it unfinished."""
    reader = AnswerReader()
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    *first, last = pieces
    assert not any(reader.feed(piece) for piece in first)
    assert reader.feed(last)
    return reader


@pytest.mark.parametrize("step", [1, 2, 7, 100_000])
@pytest.mark.parametrize("name", TAKEN)
def test_an_answer_is_read_in_whatever_pieces_it_comes(name: str, step: int) -> None:
    """Status, body, and whether the connection may be used again."""
    data, answer, keeps = TAKEN[name]
    reader = read(data, step)
    assert reader.answer() == answer
    assert reader.head is not None
    assert reader.head.keeps is keeps
    assert not reader.surplus
    assert not reader.end()


@pytest.mark.parametrize("name", TAKEN)
def test_what_follows_an_answer_is_noticed_and_no_part_of_it(name: str) -> None:
    """A connection that says more than it was asked is not used again."""
    data, answer, _ = TAKEN[name]
    reader = read(data + OK, 100_000)
    assert reader.surplus
    assert reader.answer() == answer


@pytest.mark.parametrize("step", [1, 100_000])
def test_an_answer_without_length_lasts_as_long_as_its_connection(step: int) -> None:
    """Then, and only then, the end makes it whole."""
    data = OK + b"\r\nhello"
    reader = AnswerReader()
    for at in range(0, len(data), step):
        assert not reader.feed(data[at : at + step])
    assert reader.end()
    assert reader.answer() == Answer(200, b"hello")
    assert reader.head is not None
    assert not reader.head.keeps


@pytest.mark.parametrize("data", [b"", OK[:9], OK + b"Content-Length: 5\r\n\r\nhell", CHUNKED])
def test_the_end_makes_no_other_answer_whole(data: bytes) -> None:
    """It was cut off."""
    reader = AnswerReader()
    if data:
        assert not reader.feed(data)
    assert not reader.end()


def refused(data: bytes, step: int) -> str:
    """Feed it in pieces until it is refused."""
    reader = AnswerReader()
    with pytest.raises(UnreadableAnswerError) as raised:
        assert not any(reader.feed(data[at : at + step]) for at in range(0, len(data), step))
    return str(raised.value)


@pytest.mark.parametrize("step", [1, 100_000])
@pytest.mark.parametrize("name", HEAD_LINES)
def test_no_answer_is_made_of_another_beginning(name: str, step: int) -> None:
    """It is refused, and as soon as it shows."""
    refused(HEAD_LINES[name], step)


@pytest.mark.parametrize("step", [1, 100_000])
@pytest.mark.parametrize("name", FIELD_LINES)
def test_fields_that_two_could_read_in_two_ways_are_refused(name: str, step: int) -> None:
    """Whatever they are."""
    refused(OK + FIELD_LINES[name] + b"\r\n", step)


@pytest.mark.parametrize("step", [1, 300_000])
@pytest.mark.parametrize("name", CHUNKS)
def test_broken_chunks_are_refused(name: str, step: int) -> None:
    """Framing is taken at its word."""
    refused(CHUNKED + CHUNKS[name], step)


def test_chunks_in_http_1_0_are_refused() -> None:
    """It does not have them."""
    refused(CHUNKED.replace(b"1.1", b"1.0"), 1000)


@pytest.mark.parametrize("step", [1, 100_000])
def test_a_head_is_bounded(step: int) -> None:
    """However it grows: by one line, by many, by interim answers, unfinished or whole."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    for data in (
        OK + b"X: " + b"a" * MAX_HEAD,
        OK + b"X: %b\r\n\r\n" % (b"a" * MAX_HEAD),
        OK + b"X: a\r\n" * (MAX_HEAD // 6),
        interim * (MAX_HEAD // len(interim) + 1),
        interim + OK + b"X: " + b"a" * (MAX_HEAD - 40),
    ):
        assert "16384" in refused(data, step)


def test_the_longest_body_is_taken_and_one_byte_more_is_not() -> None:
    """In each of the three framings."""
    full = b"x" * MAX_BODY
    assert read(OK + b"Content-Length: %d\r\n\r\n%b" % (MAX_BODY, full), 4096).answer().body == full
    assert read(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (MAX_BODY, full), 4096).answer().body == full
    reader = AnswerReader()
    assert not reader.feed(OK + b"\r\n" + full)
    assert reader.end()
    with pytest.raises(UnreadableAnswerError, match="262144"):
        reader.feed(b"x")
    assert "262144" in refused(CHUNKED + b"%x\r\n" % (MAX_BODY + 1), 4096)


def test_a_refusal_quotes_nothing() -> None:
    """What a service says may be anybody's."""
    for data in (b"sentinel", OK + b"sentinel\r\n\r\n", CHUNKED + b"sentinel\r\n"):
        assert "sentinel" not in refused(data, 100)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_it_never_fails_in_another_way(tail: bytes, step: int) -> None:
    """Any bytes after any beginning: an answer, a wait or a refusal."""
    for start in (b"", OK, OK + b"\r\n", CHUNKED, CHUNKED + b"5\r\n"):
        reader, data = AnswerReader(), start + tail
        try:
            for at in range(0, len(data), step):
                if reader.feed(data[at : at + step]):
                    assert len(reader.answer().body) <= MAX_BODY
                    break
        except UnreadableAnswerError:
            continue
