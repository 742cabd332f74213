"""Keys and certificates of other implementations: SM2 of gmalg, X.509 of cryptography, HMAC."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from datetime import UTC, datetime, timedelta

import gmalg
import pytest
import wxcore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

SEED = 20_261_124
DRAW = random.Random(SEED)  # noqa: S311 (repeatable, not secret)
IDENTITY = b"1234567812345678"
ALGORITHM = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
"""`id-ecPublicKey` over the curve SM2."""


def der(tag: int, *parts: bytes) -> bytes:
    """One ASN.1 value."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: bytes) -> bytes:
    """A positive INTEGER."""
    stripped = value.lstrip(b"\0") or b"\0"
    return der(2, (b"\0" if stripped[0] & 0x80 else b"") + stripped)


def pem(label: str, content: bytes) -> str:
    """An armoured DER."""
    text = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def sm2_pair() -> tuple[gmalg.SM2, str, str]:
    """Somebody else's SM2 key, and the two PEM of it."""
    private, public = gmalg.SM2(rnd_fn=DRAW.getrandbits).generate_keypair()
    inner = der(0x30, der(2, b"\1"), der(4, private), der(0xA1, der(3, b"\0", public)))
    key = pem("PRIVATE KEY", der(0x30, der(2, b"\0"), ALGORITHM, der(4, inner)))
    shown = pem("PUBLIC KEY", der(0x30, ALGORITHM, der(3, b"\0", public)))
    return gmalg.SM2(private, IDENTITY, public, rnd_fn=DRAW.getrandbits), key, shown


def messages(count: int) -> list[bytes]:
    """Empty, short, and up to 500 bytes of anything."""
    return [b"", b"\0", *(DRAW.randbytes(DRAW.randrange(500)) for _ in range(count))]


def test_sm2_signatures_are_accepted_on_both_sides() -> None:
    """And by nobody once a bit is flipped."""
    theirs, private, public = sm2_pair()
    ours_private, ours_public = wxcore.Sm2PrivateKey(private), wxcore.Sm2PublicKey(public)
    for message in messages(20):
        r, s = utils.decode_dss_signature(ours_private.sign(message))
        assert theirs.verify(message, r.to_bytes(32, "big"), s.to_bytes(32, "big")), SEED
        signature = der(0x30, *map(integer, theirs.sign(message)))
        assert ours_public.verify(message, signature), SEED
        assert not ours_public.verify(message + b"x", signature), SEED
        flipped = bytearray(signature)
        flipped[-1] ^= 1
        assert not ours_public.verify(message, bytes(flipped)), SEED


def test_sm2_ciphertexts_open() -> None:
    """`C1C3C2`, in the ASN.1 that WeChat Pay sends."""
    theirs, private, _ = sm2_pair()
    ours = wxcore.Sm2PrivateKey(private)
    for message in messages(20):
        if not message:
            continue
        raw = theirs.encrypt(message)
        x, y, digest, rest = raw[1:33], raw[33:65], raw[65:97], raw[97:]
        sealed = der(0x30, integer(x), integer(y), der(4, digest), der(4, rest))
        assert ours.decrypt(sealed) == message, SEED
        with pytest.raises(ValueError, match=r"."):
            ours.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_a_key_derived_from_an_apiv3_key_opens() -> None:
    """`AEAD_SM4_GCM`: the head of the SM3 of the APIv3 key."""
    apiv3 = "0123456789abcdef0123456789ABCDEF"
    digest = gmalg.SM3()
    digest.update(apiv3.encode())
    for message in messages(100):
        encryptor = Cipher(algorithms.SM4(digest.value()[:16]), modes.GCM(b"n" * 12)).encryptor()
        encryptor.authenticate_additional_data(b"certificate")
        sealed = encryptor.update(message) + encryptor.finalize() + encryptor.tag
        text = base64.b64encode(sealed).decode()
        assert wxcore.sm4_apiv3_open(apiv3, "n" * 12, "certificate", text) == message, SEED
        with pytest.raises(wxcore.Rejected, match=r"^open\.undecryptable: "):
            wxcore.sm4_apiv3_open(apiv3, "n" * 12, "transaction", text)


def test_aes_gcm_agrees_with_cryptography() -> None:
    """Both ways, with any additional data and both lengths of nonce."""
    key = "0123456789abcdef0123456789ABCDEF"
    theirs = AESGCM(key.encode())
    for message in messages(500):
        nonce = "".join(DRAW.choices("0123456789abcdef", k=DRAW.choice([12, 16])))
        extra = DRAW.choice(["", "transaction", "退款"])
        sealed = theirs.encrypt(nonce.encode(), message, extra.encode())
        text = base64.b64encode(sealed).decode()
        assert wxcore.aead_seal(key, nonce, extra, message) == text, SEED
        assert wxcore.aead_open(key, nonce, extra, text) == message, SEED


def test_hashes_agree_with_the_standard_library() -> None:
    """HMAC in its two alphabets, the sorted values, and what mini programs and games sign."""
    for message in messages(300):
        key = DRAW.randbytes(9).hex()
        mac = hmac.new(key.encode(), message, hashlib.sha256)
        assert wxcore.hmac_hex(key, message) == mac.hexdigest(), SEED
        assert wxcore.user_signature(key, message) == mac.hexdigest(), SEED
        assert wxcore.hmac_base64(key, message) == base64.b64encode(mac.digest()).decode(), SEED
        signed = hmac.new(key.encode(), b"/xpay/query_order&" + message, hashlib.sha256)
        assert wxcore.pay_sig(key, "/xpay/query_order", message) == signed.hexdigest(), SEED
        values = [message.hex(), key, "好", ""]
        joined = "".join(sorted(values)).encode()
        sha1 = hashlib.sha1(joined).hexdigest()  # noqa: S324 (WeChat's choice)
        assert wxcore.sorted_values_signature(values) == sha1, SEED
        raw = message.hex()
        given = hashlib.sha1(f"{raw}{key}".encode()).hexdigest()  # noqa: S324
        assert wxcore.verify_raw_data(raw, key, given), SEED
        assert not wxcore.verify_raw_data(raw + "0", key, given), SEED


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, serial: int) -> str:
    """A certificate that signs itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com 商户")])
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(serial)
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=1826))
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_certificates_are_read_alike() -> None:
    """Serials of any length, and the kinds of key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for serial in [1, 0x7F, 0x80, 0xFF, 1 << 64, *(DRAW.getrandbits(158) | 1 for _ in range(30))]:
        text = certificate(key, serial)
        theirs, ours = x509.load_pem_x509_certificate(text.encode()), wxcore.Certificate(text)
        assert ours.serial == f"{theirs.serial_number:X}", SEED
        assert ours.not_before == int(theirs.not_valid_before_utc.timestamp())
        assert ours.not_after == int(theirs.not_valid_after_utc.timestamp())
        assert (ours.common_name, ours.key) == ("Tenpay.com 商户", "RSA-2048")
    assert (
        wxcore.Certificate(certificate(ec.generate_private_key(ec.SECP256R1()), 7)).key == "other"
    )


@pytest.mark.parametrize("size", [2048, 3072, 4096])
@pytest.mark.parametrize(
    "form",
    [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL],
)
def test_private_keys_of_any_size_and_form_sign(
    size: int, form: serialization.PrivateFormat
) -> None:
    """Verified under the certificate of the same key, and under no other message."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=size)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        form,
        serialization.NoEncryption(),
    ).decode()
    ours = wxcore.PrivateKey(text)
    public = wxcore.PublicKey(certificate(key, 5))
    for pss in (False, True):
        signature = ours.sign("退款".encode(), pss=pss)
        assert public.verify("退款".encode(), signature, pss=pss)
        assert not public.verify("退款".encode(), signature, pss=not pss)
        assert not public.verify(b"", signature, pss=pss)
    assert ours.decrypt(public.encrypt(b"name")) == b"name"
    with pytest.raises(ValueError, match=r"."):
        ours.decrypt(b"\1" * (size // 8))
