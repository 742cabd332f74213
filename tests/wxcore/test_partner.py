"""A partner's callbacks: what is refused, and what is told of a key that cannot be used."""

from __future__ import annotations

import json

import pytest
import wxcore
from hypothesis import given, settings
from hypothesis import strategies as st

PRIVATE, PUBLIC = wxcore.generate_rsa_key()
SECRET, NONCE = "SentinelSecret", "0123456789abcdef"
BODY = wxcore.PartnerSender("erp", SECRET, PRIVATE).seal(b'{"a":1}', nonce=NONCE, now=1000)
VERIFIER = wxcore.PartnerVerifier("erp", [SECRET, "old"], PUBLIC)


def refused(body: bytes, verifier: wxcore.PartnerVerifier = VERIFIER) -> str:
    """The code of a refusal."""
    with pytest.raises(wxcore.Rejected) as raised:
        verifier.open(body, now=1000)
    assert "Sentinel" not in str(raised.value)
    return raised.value.code


@pytest.mark.parametrize("name", ["app_id", "timestamp", "nonce", "data", "sign"])
def test_all_parts_are_needed(name: str) -> None:
    """And none may be changed."""
    parts: dict[str, str] = json.loads(BODY)
    less = {key: value for key, value in parts.items() if key != name}
    assert refused(json.dumps(less).encode()) == "request.missing_parameter"
    changed = parts | {name: parts[name][1:]}
    refused(json.dumps(changed).encode())


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_does_not_change_what_is_opened(at: int, bit: int) -> None:
    """Each value is signed; only a spelling that means the same could pass."""
    flipped = bytearray(BODY)
    flipped[at % len(BODY)] ^= 1 << bit
    refused(bytes(flipped))


def test_others_are_refused() -> None:
    """Another application, secret, key or shape."""
    other = wxcore.generate_rsa_key()[1]
    verifiers = {
        "open.wrong_receive_id": wxcore.PartnerVerifier("crm", SECRET, PUBLIC),
        "open.undecryptable": wxcore.PartnerVerifier("erp", "old", PUBLIC),
        "verify.bad_signature": wxcore.PartnerVerifier("erp", SECRET, other),
    }
    for code, verifier in verifiers.items():
        assert refused(BODY, verifier) == code
    assert refused(b"x") == "verify.bad_envelope"
    both = wxcore.PartnerVerifier("erp", SECRET, [other, PUBLIC])
    assert both.open(BODY, now=1000)[0] == b'{"a":1}'


@pytest.mark.parametrize(
    ("app_id", "secret", "key", "told"),
    [
        ("", "s", PUBLIC, "^app_id: "),
        ("erp", [], PUBLIC, "^app_secret: "),
        ("erp", ["s", ""], PUBLIC, r"^app_secret\[1\]: "),
        ("erp", "s", [], "^public_key: "),
        ("erp", SECRET, [PUBLIC, "Sentinel"], r"^public_key\[1\]: not PEM"),
    ],
)
def test_what_cannot_be_used_is_named(
    app_id: str, secret: str | list[str], key: str | list[str], told: str
) -> None:
    """By its place, not by its value."""
    with pytest.raises(ValueError, match=told) as raised:
        wxcore.PartnerVerifier(app_id, secret, key)
    assert "Sentinel" not in str(raised.value)


@pytest.mark.parametrize("nonce", ["", "a" * 15, "a" * 65, "a" * 15 + "!", "好" * 16])
def test_a_nonce_that_cannot_be_used(nonce: str) -> None:
    """16 to 64 characters of the URL's alphabet; and the plaintext is an object."""
    sender = wxcore.PartnerSender("erp", SECRET, PRIVATE)
    with pytest.raises(ValueError, match="nonce"):
        sender.seal(b"{}", nonce=nonce, now=1)
    with pytest.raises(ValueError, match="plaintext"):
        sender.seal(b"[1]", nonce=NONCE, now=1)
