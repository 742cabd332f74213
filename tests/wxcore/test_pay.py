"""WeChat Pay's errors: what is told of a key that cannot be used, and why a notice is refused."""

from __future__ import annotations

import pytest
import wxcore

KEY = "SentinelApiv3Key0123456789abcdef"
PRIVATE, PUBLIC = wxcore.generate_rsa_key()
INNER = "<root><refund_id>1</refund_id></root>"


def signed(fields: dict[str, str], key: str = KEY, *, mac: bool = False) -> bytes:
    """A notice of APIv2."""
    sign = wxcore.pay_v2_sign(fields, key, "HMAC-SHA256" if mac else "MD5")
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<xml>{inside}<sign>{sign}</sign></xml>".encode()


ORDER = {"return_code": "SUCCESS", "transaction_id": "1", "attach": "好"}


@pytest.mark.parametrize(
    ("platform", "keys", "told"),
    [
        ({}, KEY, "platform_keys: at least one"),
        ({"X": PUBLIC}, KEY, r"platform_keys\.X: a serial names a certificate"),
        ({"PUB_KEY_ID_1": "Sentinel"}, KEY, r"platform_keys\.PUB_KEY_ID_1: not PEM"),
        ({"PUB_KEY_ID_1": PUBLIC}, KEY[:-1], r"apiv3_key\[0\]: .* has 31$"),
        ({"PUB_KEY_ID_1": PUBLIC}, [KEY, KEY + "x"], r"apiv3_key\[1\]: .* has 33$"),
        ({"A": "Sentinel", "B": "Sentinel"}, "Sentinel", r"(?s)\.A: .*\.B: .*apiv3_key"),
    ],
)
def test_keys_that_cannot_be_used(
    platform: dict[str, str], keys: str | list[str], told: str
) -> None:
    """Each by its place, none by its value."""
    with pytest.raises(ValueError, match=told) as raised:
        wxcore.PayVerifier(platform, keys)
    assert "Sentinel" not in str(raised.value)


@pytest.mark.parametrize("mac", [False, True])
def test_either_signature_of_apiv2(mac: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """Unless one is prescribed; under any of the keys."""
    body = signed(ORDER, mac=mac)
    kind, fields, inner = wxcore.PayV2Verifier(["0" * 32, KEY]).open(body)
    assert (kind, fields["attach"], inner) == ("signed", "好", None)
    wxcore.PayV2Verifier(KEY, sign_type="HMAC-SHA256" if mac else "MD5").open(body)
    with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature: "):
        wxcore.PayV2Verifier(KEY, sign_type="MD5" if mac else "HMAC-SHA256").open(body)
    with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature: "):
        wxcore.PayV2Verifier(KEY).open(body.replace("好".encode(), "坏".encode()))
    with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature: "):
        wxcore.PayV2Verifier("0" * 32).open(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"x", "verify.bad_envelope"),
        (b"<xml><a>1</a></xml>", "request.missing_parameter"),
        (b"<xml><a>1</a><sign>A</sign></xml>", "verify.bad_signature"),
        (b"<xml><req_info>AAAA</req_info></xml>", "open.bad_ciphertext"),
    ],
)
def test_a_notice_of_apiv2_is_refused_for_its_cause(body: bytes, code: str) -> None:
    """With a code of the table."""
    with pytest.raises(wxcore.Rejected) as raised:
        wxcore.PayV2Verifier(KEY).open(body)
    assert raised.value.code == code


def test_a_refund_opens_under_any_of_the_keys() -> None:
    """`req_info` carries no signature: that it decrypts is the proof."""
    sealed = wxcore.pay_v2_refund_seal(KEY, INNER)
    body = f"<xml><return_code>SUCCESS</return_code><req_info>{sealed}</req_info></xml>".encode()
    kind, fields, inner = wxcore.PayV2Verifier(["0" * 32, KEY]).open(body)
    assert (kind, fields["return_code"], inner) == ("refund", "SUCCESS", INNER.encode())
    assert wxcore.pay_v2_refund_open(KEY, sealed) == INNER
    with pytest.raises(wxcore.Rejected, match=r"^open\.undecryptable: "):
        wxcore.pay_v2_refund_open("0" * 32, sealed)


@pytest.mark.parametrize("pem", ["", "Sentinel", PUBLIC])
def test_a_private_key_that_is_none(pem: str) -> None:
    """In each of its places."""
    for make in (
        lambda: wxcore.PrivateKey(pem),
        lambda: wxcore.Sm2PrivateKey(pem),
        lambda: wxcore.PaySender("S", pem, KEY),
        lambda: wxcore.Merchant("1900000001", "S", pem),
    ):
        with pytest.raises(ValueError, match=r"PEM|SM2") as raised:
            make()
        assert "Sentinel" not in str(raised.value)


def test_a_private_key_is_no_public_one() -> None:
    """Said in words, for it is a common mistake."""
    for make in (wxcore.PublicKey, wxcore.Sm2PublicKey, wxcore.Certificate):
        with pytest.raises(ValueError, match="this file holds a private key") as raised:
            make(PRIVATE)
        assert PRIVATE.splitlines()[1] not in str(raised.value)


def test_a_nonce_has_twelve_characters() -> None:
    """And a key 32: sealing says so, opening only refuses."""
    with pytest.raises(ValueError, match="the key has 32 bytes"):
        wxcore.aead_seal(KEY[:-1], "n" * 12, "", b"")
    with pytest.raises(ValueError, match="the nonce 12 or 16"):
        wxcore.aead_seal(KEY, "n" * 11, "", b"")
    sealed = wxcore.aead_seal(KEY, "n" * 12, "a", b"text")
    for key, nonce, extra in (
        (KEY, "n" * 11, "a"),
        (KEY, "n" * 12, "b"),
        ("0" * 32, "n" * 12, "a"),
    ):
        with pytest.raises(wxcore.Rejected, match=r"^open\.undecryptable: "):
            wxcore.aead_open(key, nonce, extra, sealed)
    with pytest.raises(wxcore.Rejected, match=r"^open\.bad_ciphertext: "):
        wxcore.aead_open(KEY, "n" * 12, "a", "!")
