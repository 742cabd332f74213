"""The envelope: what it reads, what it refuses, and what it says about either."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
import wxcore
from hypothesis import given, settings
from hypothesis import strategies as st

NONCE, TIMESTAMP = "415670741", "1714112445"
KEY, OLD = "SentinelAesKeyabcdefghijklmnopqrstuvwxyz012", "A" * 43
ENVELOPE = wxcore.Envelope("SentinelToken", KEY, "wx1")


def through(content: bytes, shape: str = "xml") -> wxcore.Opened:
    """Seal and open."""
    match shape:
        case "json":
            body, signature = ENVELOPE.seal(content, timestamp=TIMESTAMP, nonce=NONCE, shape="json")
        case _:
            body, signature = ENVELOPE.seal(content, timestamp=TIMESTAMP, nonce=NONCE)
    return ENVELOPE.open(body, msg_signature=signature, timestamp=TIMESTAMP, nonce=NONCE)


def test_fields_of_xml() -> None:
    """Text stays text, what repeats is a list, what is empty is empty."""
    opened = through(
        b"<xml><A>1</A><A>2</A><L><i>1</i><i>2</i></L><E></E><S/><T a='1'> x </T></xml>"
    )
    assert opened.fields["A"] == ["1", "2"]
    assert opened.fields["L"] == {"i": ["1", "2"]}
    assert (opened.fields["E"], opened.fields["S"]) == ("", "")
    assert opened.fields is opened.fields
    assert opened["T"] == " x "
    assert [opened.get(name) for name in ("A", "L", "E", "S", "none")] == [None] * 5


def test_fields_of_json() -> None:
    """Values keep their kind; `get` has the text of each."""
    opened = through(b'{"a":1.50,"b":true,"c":null,"d":"x","e":{"f":[1]}}', "json")
    assert opened.fields == {"a": 1.5, "b": True, "c": None, "d": "x", "e": {"f": [1]}}
    assert [opened.get(name) for name in "abcde"] == ["1.5", "true", None, "x", None]


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        ("<xml><A>你好</A><B> x </B><C/><D>&lt;</D><L>1</L><L>2</L><N><M/></N></xml>", "xml"),
        ('{"A":"你好","B":1,"C":null,"D":"\\u4f60","N":{"a":[1.5]}}', "json"),
        ('{"\\u0041":"1","B":"2"}', "json"),
    ],
)
def test_one_field_is_what_it_is_among_all(content: str, shape: str) -> None:
    """Whether it was read from its place or parsed again."""
    opened = through(content.encode(), shape)
    assert {name: opened[name] for name in opened.fields} == opened.fields
    for name in opened.fields:
        assert opened[name] == through(content.encode(), shape)[name]
    with pytest.raises(KeyError, match=r"^'Absent'$"):
        opened["Absent"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "parse.bad_message"),
        (b"hello", "parse.bad_message"),
        (b"[1]", "parse.bad_message"),
        (b"<xml><A>1</xml>", "parse.bad_message"),
        (b"<!DOCTYPE xml><xml/>", "parse.bad_message"),
        (b'<!DOCTYPE x [<!ENTITY e "x">]><xml><A>&e;</A></xml>', "parse.bad_message"),
        (b"<xml><A>\xff</A></xml>", "parse.bad_message"),
        (b"<xml><MsgType>a</MsgType><MsgType>b</MsgType></xml>", "parse.duplicate_field"),
        (b'{"a":1,"a":2}', "parse.duplicate_field"),
    ],
)
def test_a_message_that_is_none_is_refused(content: bytes, code: str) -> None:
    """Even though its signature is right."""
    with pytest.raises(wxcore.Rejected) as raised:
        through(content)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "verify.bad_envelope"),
        (b"<xml><A>1</A></xml>", "verify.plain_body"),
        (b"<xml><Encrypt>AA</Encrypt></xml>", "verify.bad_signature"),
        (b"<xml><Encrypt>AA</Encrypt><Encrypt>AA</Encrypt></xml>", "parse.duplicate_field"),
    ],
)
def test_an_outside_that_is_none_is_refused(body: bytes, code: str) -> None:
    """Before anything is decrypted."""
    with pytest.raises(wxcore.Rejected) as raised:
        ENVELOPE.open(body, msg_signature="0" * 40, timestamp=TIMESTAMP, nonce=NONCE)
    assert raised.value.code == code


def test_tokens_keys_and_ids_are_any_sequence() -> None:
    """All combinations open; the first of each seals."""
    many = wxcore.Envelope(("t1", "t2"), [KEY, OLD], ["wx1", "wx2"])
    for token in ("t1", "t2"):
        for at, key in enumerate((KEY, OLD)):
            for receive_id in ("wx1", "wx2"):
                one = wxcore.Envelope(token, key, receive_id)
                body, signature = one.seal(b"<xml/>", timestamp=TIMESTAMP, nonce=NONCE)
                opened = many.open(body, msg_signature=signature, timestamp=TIMESTAMP, nonce=NONCE)
                assert (opened.key, opened.receive_id) == (at, receive_id)
                assert opened.content == b"<xml/>"
    first = wxcore.Envelope("t1", KEY, "wx1")
    body, signature = many.seal(b"<xml/>", timestamp=TIMESTAMP, nonce=NONCE)
    opened = first.open(body, msg_signature=signature, timestamp=TIMESTAMP, nonce=NONCE)
    assert opened.content == b"<xml/>"


def test_url_checks() -> None:
    """One comes back as it is, the other is opened."""
    signature = ENVELOPE.sign(TIMESTAMP, NONCE)
    assert ENVELOPE.verify_url(signature, TIMESTAMP, NONCE, "echo") == "echo"
    sealed = ENVELOPE.encrypt(b"1616140317555161061")
    good = ENVELOPE.sign(TIMESTAMP, NONCE, sealed)
    assert ENVELOPE.verify_sealed_url(good, TIMESTAMP, NONCE, sealed) == "1616140317555161061"
    for changed in (
        (signature, "1714112446", NONCE),
        (signature, TIMESTAMP, NONCE + "0"),
        (signature[:-1], TIMESTAMP, NONCE),
        ("", TIMESTAMP, NONCE),
        (signature + "0", TIMESTAMP, NONCE),
    ):
        with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature: "):
            ENVELOPE.verify_url(*changed, "echo")


@pytest.mark.parametrize("text", ["", "AAAA", "!!", "A" * 43, "A" * 44 + "\n"])
def test_a_ciphertext_is_whole_blocks_of_base64(text: str) -> None:
    """Nothing else is even tried."""
    with pytest.raises(wxcore.Rejected, match=r"^open\.bad_ciphertext: "):
        ENVELOPE.decrypt(text)


@given(st.binary(min_size=1, max_size=40).map(lambda block: block * 4))
@settings(deadline=None)
def test_a_ciphertext_of_chance_is_refused(data: bytes) -> None:
    """With a code, never with another exception."""
    with pytest.raises(wxcore.Rejected, match=r"^open\."):
        ENVELOPE.decrypt(b64encode(data).decode())


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_never_goes_unseen_inside(at: int, bit: int) -> None:
    """Without a signature CBC promises nothing; with one over it, any change is refused."""
    sealed = bytearray(b64decode(ENVELOPE.encrypt(b"<xml/>")))
    signature = ENVELOPE.sign(TIMESTAMP, NONCE, b64encode(sealed).decode())
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature: "):
        ENVELOPE.verify_sealed_url(signature, TIMESTAMP, NONCE, b64encode(sealed).decode())


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16))
@settings(deadline=None)
def test_any_bytes_come_back(content: bytes, salt: bytes) -> None:
    """The salt decides the ciphertext, and nothing else does."""
    sealed = ENVELOPE.encrypt(content, salt=salt)
    assert sealed == ENVELOPE.encrypt(content, salt=salt)
    assert ENVELOPE.decrypt(sealed) == (content, "wx1")
    assert len(b64decode(sealed)) % 32 == 0


def test_a_salt_is_new_each_time() -> None:
    """Equal messages do not look equal."""
    assert len({ENVELOPE.encrypt(b"same") for _ in range(200)}) == 200


@pytest.mark.parametrize(
    ("token", "key", "receive_id", "told"),
    [
        ([], KEY, "wx1", r"^token: at least one"),
        ("", KEY, "wx1", r"^token\[0\]: is empty$"),
        ("t", KEY, [], r"^receive_id: at least one"),
        ("t", KEY[:42], "wx1", r"^aes_key\[0\]: is 42 characters long"),
        ("t", KEY + "=", "wx1", r"^aes_key\[0\]: is 44 characters long"),
        (["t", ""], [OLD, "short"], [], r"(?s)token\[1\].*receive_id.*aes_key\[1\]"),
    ],
)
def test_what_cannot_be_used_is_named(
    token: str | list[str], key: str | list[str], receive_id: str | list[str], told: str
) -> None:
    """Every problem at once, and none of the values."""
    with pytest.raises(ValueError, match=told) as raised:
        wxcore.Envelope(token, key, receive_id)
    assert "Sentinel" not in str(raised.value)


def test_without_a_key_there_is_plain_mode() -> None:
    """Checking and signing; what needs a key says which argument was empty."""
    keyless = wxcore.Envelope("SentinelToken", [], "wx1")
    signature = ENVELOPE.sign(TIMESTAMP, NONCE)
    assert keyless.sign(TIMESTAMP, NONCE) == signature
    assert keyless.verify_url(signature, TIMESTAMP, NONCE, "echo") == "echo"
    body, signature = ENVELOPE.seal(b"<xml/>", timestamp=TIMESTAMP, nonce=NONCE)
    for call in (
        lambda: keyless.seal(b"", timestamp=TIMESTAMP, nonce=NONCE),
        lambda: keyless.encrypt(b""),
        lambda: keyless.decrypt(ENVELOPE.encrypt(b"")),
        lambda: keyless.verify_sealed_url(signature, TIMESTAMP, NONCE, "echo"),
        lambda: keyless.open(body, msg_signature=signature, timestamp=TIMESTAMP, nonce=NONCE),
    ):
        with pytest.raises(ValueError, match=r"^encoding_aes_key: at least one is needed$") as told:
            call()
        assert not isinstance(told.value, wxcore.Rejected)


def test_an_index_that_does_not_exist() -> None:
    """A key or a receive id beyond the last."""
    for key, receive_id in ((1, 0), (0, 1)):
        with pytest.raises(IndexError, match="no such key or receive id"):
            ENVELOPE.seal(b"", timestamp="1", nonce="n", key=key, receive_id=receive_id)
        with pytest.raises(IndexError, match="no such key or receive id"):
            ENVELOPE.encrypt(b"", key=key, receive_id=receive_id)
    with pytest.raises(ValueError, match="16"):
        ENVELOPE.encrypt(b"", salt=b"short")
