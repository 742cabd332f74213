"""Every known answer of `tests/vectors/vectors.json`, through the Python API.

The core's own tests read the same file; here it proves the bindings. One function for each kind
says what the kind means; a kind without a function is a failure.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import wxcore
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from collections.abc import Callable

Inputs = dict[str, Any]

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "vectors.json").read_text(encoding="utf-8")
)["vectors"]

ELSEWHERE = {
    # AES-256-ECB under a key as it stands: the only use of ECB here hashes its key first.
    "aes-ecb-fudiwei",
}
"""Known answers of a primitive that the Python API does not show; the core's tests check them."""

APIV3_KEY = 32
"""Characters of a real one. Some published keys have 16: those have to be refused here."""

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KINDS: dict[str, Callable[[Inputs, Inputs], None]] = {}


def kind(check: Callable[[Inputs, Inputs], None]) -> Callable[[Inputs, Inputs], None]:
    """Register the meaning of a kind under the name of the function."""
    KINDS[check.__name__] = check
    return check


def runnable(vector: dict[str, Any]) -> bool:
    """Whether a vector can be checked here at all."""
    return not vector.get("unverifiable") and vector["id"] not in ELSEWHERE


@pytest.mark.parametrize(
    "vector", [pytest.param(one, id=one["id"]) for one in VECTORS if runnable(one)]
)
def test_vector(vector: dict[str, Any]) -> None:
    """What others have published comes out here too."""
    KINDS[vector["kind"]](vector["inputs"], vector["expected"])


def test_nothing_is_left_out() -> None:
    """All kinds have a meaning, all meanings a vector, and the exceptions are counted."""
    assert {one["kind"] for one in VECTORS if runnable(one)} == set(KINDS)
    left_out = [one for one in VECTORS if not runnable(one)]
    assert {one["id"] for one in left_out if not one.get("unverifiable")} == ELSEWHERE
    assert len({one["id"] for one in VECTORS}) == len(VECTORS)
    assert len(VECTORS) - len(left_out) >= 100


def accepts(call: Callable[[], object]) -> bool:
    """Whether a call takes what it is given, rather than raise `Rejected`."""
    try:
        call()
    except wxcore.Rejected:
        return False
    return True


def signer(token: str) -> wxcore.Envelope:
    """Return an envelope of which only the token matters."""
    return wxcore.Envelope(token, KEY, "wx1")


# Pushes


@kind
def mp_signature(given: Inputs, expected: Inputs) -> None:
    """`signature` of a URL check or of a plain push."""
    envelope = signer(given["token"])
    signed = (given["timestamp"], given["nonce"])
    signature = (expected | given)["signature"]
    echo = given.get("echostr", "echo")
    valid = expected.get("valid", True)
    assert accepts(lambda: envelope.verify_url(signature, *signed, echo)) is valid
    assert (envelope.sign(*signed) == signature) is valid
    if "reply" in expected:
        assert envelope.verify_url(signature, *signed, echo) == expected["reply"]


@kind
def mp_msg_signature(given: Inputs, expected: Inputs) -> None:
    """`msg_signature` over a ciphertext."""
    signature = signer(given["token"]).sign(given["timestamp"], given["nonce"], given["encrypt"])
    assert signature == expected["msg_signature"]


@kind
def mp_decrypt(given: Inputs, expected: Inputs) -> None:
    """A push's ciphertext alone."""
    receive_id = str((expected | given).get("receive_id", ""))
    envelope = wxcore.Envelope("token", given["encoding_aes_key"], receive_id)
    if "error" in expected:
        with pytest.raises(wxcore.Rejected) as caught:
            envelope.decrypt(given["encrypt"])
        wrong_id = expected["error"] == "receive_id_mismatch"
        assert (caught.value.code == "open.wrong_receive_id") is wrong_id
        return
    content, found = envelope.decrypt(given["encrypt"])
    assert found == expected["receive_id"]
    assert content.decode() == expected.get("msg", content.decode())
    assert all(part in content.decode() for part in expected.get("msg_contains", []))
    if "random" in expected:
        again = envelope.encrypt(content, salt=expected["random"].encode())
        assert again == given["encrypt"]


@kind
def mp_encrypt(given: Inputs, expected: Inputs) -> None:
    """A ciphertext under a known salt."""
    envelope = wxcore.Envelope("token", given["encoding_aes_key"], given["receive_id"])
    content, salt = given["msg"].encode(), given["random"].encode()
    assert envelope.encrypt(content, salt=salt) == expected["encrypt"]
    assert envelope.decrypt(expected["encrypt"]) == (content, given["receive_id"])


@kind
def mp_encrypted_reply(given: Inputs, expected: Inputs) -> None:
    """A whole sealed reply: its ciphertext and signature, and then its very bytes."""
    envelope = wxcore.Envelope(given["token"], given["encoding_aes_key"], given["receive_id"])
    content, timestamp = given["msg"].encode(), str(given["timestamp"])
    ciphertext = envelope.encrypt(content, salt=given["random"].encode())
    assert ciphertext == expected["encrypt"]
    signature = envelope.sign(timestamp, given["nonce"], ciphertext)
    assert signature == expected["msg_signature"]
    body, own_signature = envelope.seal(
        content, timestamp=timestamp, nonce=given["nonce"], shape=given["format"]
    )
    # The salt of `seal` is new each time, so its own ciphertext gives way to the known one.
    own = wire_ciphertext(body, given["format"])
    known = body.decode().replace(own, ciphertext).replace(own_signature, signature)
    if "body" in expected:
        assert known == expected["body"]
    else:
        assert json.loads(known) == expected["body_json"]


def wire_ciphertext(body: bytes, shape: str) -> str:
    """Return the ciphertext of a sealed body."""
    if shape == "json":
        return str(json.loads(body)["Encrypt"])
    return body.decode().partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]


@kind
def wecom_verify_url(given: Inputs, expected: Inputs) -> None:
    """A URL check whose echo is sealed."""
    receive_id = expected.get("receive_id", "")
    envelope = wxcore.Envelope(given["token"], given["encoding_aes_key"], receive_id)
    signed = [given[name] for name in ("msg_signature", "timestamp", "nonce", "echostr")]
    if expected.get("valid", True):
        assert envelope.verify_sealed_url(*signed) == expected["reply"]
        return
    with pytest.raises(wxcore.Rejected) as caught:
        envelope.verify_sealed_url(*signed)
    assert caught.value.code == "verify.bad_signature"


@kind
def encoding_aes_key(given: Inputs, expected: Inputs) -> None:
    """A key is the 32 bytes that others decode, whatever its spare bits: they open what we seal."""
    envelope = wxcore.Envelope("token", given["encoding_aes_key"], "wx1")
    key, iv = bytes.fromhex(expected["key_hex"]), bytes.fromhex(expected["iv_hex"])
    frame = cbc_decrypt(key, iv, b64decode(envelope.encrypt(b"text", salt=b"s" * 16)))
    assert frame.startswith(b"s" * 16 + b"\0\0\0\x04textwx1")


def cbc_decrypt(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    """Decrypt with somebody else's AES; the padding stays."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(sealed) + decryptor.finalize()


@kind
def pkcs7_block32(given: Inputs, expected: Inputs) -> None:
    """The padding of a frame as long as the data, give or take whole blocks."""
    length = len(bytes.fromhex(given["data_hex"]))
    padding = bytes.fromhex(expected["padded_hex"])[length:]
    content = b"a" * ((length - 16 - 4 - len("wx1")) % 32)
    sealed = b64decode(signer("token").encrypt(content))
    raw = b64decode(KEY + "=")
    frame = cbc_decrypt(raw, raw[:16], sealed)
    assert frame[20 + len(content) :] == b"wx1" + padding


@kind
def aes_cbc_pkcs7(given: Inputs, expected: Inputs) -> None:
    """Bare blocks, carried behind a frame's head: two blocks in front that decrypt to one."""
    key, iv, sealed = (b64decode(given[name]) for name in ("key_b64", "iv_b64", "ciphertext_b64"))
    assert (iv, given["block"]) == (key[:16], 32)
    plain = expected["plaintext"].encode()
    wanted = (12 + len(plain)).to_bytes(4, "big") + b"x" * 12
    # The second block in front is the IV, so that the third decrypts as the first would.
    head = cbc_decrypt(key, wanted, iv)
    envelope = wxcore.Envelope("token", b64encode(key).decode().rstrip("="), "")
    content, _ = envelope.decrypt(b64encode(head + iv + sealed).decode())
    assert content == b"x" * 12 + plain


# Pages and mini programs


@kind
def jsapi_signature(given: Inputs, expected: Inputs) -> None:
    """JS-SDK."""
    signature = wxcore.jsapi_signature(
        given["jsapi_ticket"], given["noncestr"], int(given["timestamp"]), given["url"]
    )
    assert signature == expected["signature"]


@kind
def sorted_values_sha1(given: Inputs, expected: Inputs) -> None:
    """`card_ext` and its like."""
    assert wxcore.sorted_values_signature(given["values"]) == expected["signature"]


@kind
def sha1_hex(given: Inputs, expected: Inputs) -> None:
    """A single value, sorted, is itself."""
    assert wxcore.sorted_values_signature([given["message"]]) == expected["hex"]


@kind
def mini_rawdata_signature(given: Inputs, expected: Inputs) -> None:
    """`rawData`, and the same with another end."""
    raw, key, signature = given["raw_data"], given["session_key"], expected["signature"]
    assert wxcore.verify_raw_data(raw, key, signature)
    assert not wxcore.verify_raw_data(raw + " ", key, signature)


@kind
def mini_encrypted_data(given: Inputs, expected: Inputs) -> None:
    """`encryptedData`, opened at the second of its watermark."""
    sealed = (given["session_key"], given["iv"], given["encrypted_data"])
    if "error" in expected:
        with pytest.raises(wxcore.Rejected) as caught:
            wxcore.open_encrypted_data(*sealed, appid="wx1", max_age=300, now=0)
        assert caught.value.code.startswith("open.")
        return
    watermark = json.loads(expected["plaintext"])["watermark"]
    appid, now = watermark["appid"], watermark["timestamp"]
    assert appid == expected.get("watermark_appid", appid)
    assert now == expected.get("watermark_timestamp", now)
    plain = wxcore.open_encrypted_data(*sealed, appid=appid, max_age=300, now=now)
    assert plain.decode() == expected["plaintext"]


@kind
def hmac_sha256_hex(given: Inputs, expected: Inputs) -> None:
    """HMAC in hex; where the message is an event's, by its own function too."""
    assert wxcore.hmac_hex(given["key"], given["message"].encode()) == expected["hex"]
    event, ampersand, payload = given["message"].partition("&")
    if ampersand:
        assert wxcore.verify_pay_event(given["key"], event, payload, expected["hex"])
        assert not wxcore.verify_pay_event(given["key"], event, payload + " ", expected["hex"])


@kind
def hmac_sha256_b64(given: Inputs, expected: Inputs) -> None:
    """HMAC in base64."""
    assert wxcore.hmac_base64(given["key"], given["message"].encode()) == expected["b64"]


@kind
def xpay_signatures(given: Inputs, expected: Inputs) -> None:
    """Both signatures of virtual payment."""
    body = given["post_body"].encode()
    assert wxcore.pay_sig(given["app_key"], given["uri"], body) == expected["pay_sig"]
    assert wxcore.user_signature(given["session_key"], body) == expected["signature"]


# Payment, the second version


@kind
def pay_v2_sign(given: Inputs, expected: Inputs) -> None:
    """Both algorithms."""
    fields = {name: str(value) for name, value in given["params"].items() if value is not None}
    assert wxcore.pay_v2_sign(fields, given["key"], given["sign_type"]) == expected["sign"]


@kind
def pay_v2_refund_req_info(given: Inputs, expected: Inputs) -> None:
    """A refund's sealed part, opened, and where the whole of it is known sealed again."""
    opened = wxcore.pay_v2_refund_open(given["key"], given["req_info"])
    assert opened == expected.get("plaintext", opened)
    assert all(part in opened for part in expected.get("contains", []))
    assert wxcore.pay_v2_refund_seal(given["key"], opened) == given["req_info"]


@kind
def md5_hex(given: Inputs, expected: Inputs) -> None:
    """The key of a refund's sealed part is this digest's text."""
    sealed = b64decode(wxcore.pay_v2_refund_seal(given["message"], "<root>12345</root>"))
    decryptor = Cipher(algorithms.AES(expected["hex"].encode()), modes.ECB()).decryptor()  # noqa: S305 (WeChat's choice)
    opened = decryptor.update(sealed) + decryptor.finalize()
    assert opened.startswith(b"<root>12345</root>")


# Payment, the third version


@kind
def pay_v3_aead_aes_gcm(given: Inputs, expected: Inputs) -> None:
    """AES-256-GCM, opened and sealed again."""
    bound = (given["key"], given["nonce"], given["associated_data"])
    if "error" in expected:
        assert not accepts(lambda: wxcore.aead_open(*bound, given["ciphertext"]))
        return
    if len(given["key"]) != APIV3_KEY:
        assert not accepts(lambda: wxcore.aead_open(*bound, given["ciphertext"]))
        return
    plain = wxcore.aead_open(*bound, given["ciphertext"])
    assert plain.decode() == expected["plaintext"]
    assert wxcore.aead_seal(*bound, plain) == given["ciphertext"]


@kind
def rsa_sha256_sign(given: Inputs, expected: Inputs) -> None:
    """PKCS#1 v1.5, whose signatures have no salt."""
    signature = wxcore.PrivateKey(given["private_key_pem"]).sign(given["message"].encode())
    assert b64encode(signature).decode() == expected["signature"]


@kind
def rsa_sha256_verify(given: Inputs, expected: Inputs) -> None:
    """With a public key, or with that of a certificate."""
    key = wxcore.PublicKey(given.get("public_key_pem") or given["certificate_pem"])
    signature = b64decode(given["signature"])
    assert key.verify(given["message"].encode(), signature) is expected["valid"]


@kind
def rsa_pss_sha256_verify(given: Inputs, expected: Inputs) -> None:
    """PSS, here with the public half of a private key."""
    private = serialization.load_pem_private_key(given["private_key_pem"].encode(), None)
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = wxcore.PublicKey(pem.decode())
    signature = b64decode(given["signature"])
    assert key.verify(given["message"].encode(), signature, pss=True) is expected["valid"]


@kind
def pay_v3_authorization(given: Inputs, expected: Inputs) -> None:
    """The signature inside the `Authorization` header."""
    merchant = wxcore.Merchant(given.get("mchid", "1"), "SERIAL", given["private_key_pem"])
    header = merchant.authorization(
        given["method"],
        given["url"],
        given["body"].encode(),
        nonce=given["nonce"],
        timestamp=int(given["timestamp"]),
    )
    assert f'signature="{expected["signature"]}"' in header


@kind
def pay_v3_paysign(given: Inputs, expected: Inputs) -> None:
    """`paySign` of a page."""
    merchant = wxcore.Merchant("1", "SERIAL", given["private_key_pem"])
    prepay_id = given["package"].removeprefix("prepay_id=")
    signature = merchant.page_signature(
        given["appid"], prepay_id, given["nonce"], int(given["timestamp"])
    )
    assert signature == expected["paySign"]


@kind
def pay_v3_notification(given: Inputs, expected: Inputs) -> None:
    """A whole notice at the second of its signature."""
    pem, headers, body = given["certificate_pem"], given["headers"], given["body"].encode()
    serial = wxcore.Certificate(pem).serial
    assert len(given["apiv3_key"]) != APIV3_KEY
    with pytest.raises(ValueError, match=r"^apiv3_key\[0\]: .* has 16$"):
        wxcore.PayVerifier({serial: pem}, given["apiv3_key"])
    verifier = wxcore.PayVerifier({serial: pem}, "k" * APIV3_KEY)
    headers = headers | {"Wechatpay-Serial": serial}
    now = int(headers["Wechatpay-Timestamp"])
    if not expected["signature_valid"]:
        with pytest.raises(wxcore.Rejected) as caught:
            verifier.verify(headers, body, now=now)
        assert caught.value.code in {"verify.bad_signature", "verify.signature_probe"}
        return
    assert serial == expected["certificate_serial"]
    verifier.verify(headers, body, now=now)
    # Its resource is sealed under a key that is none; the tests of `PayVerifier.open` have others.
    with pytest.raises(wxcore.Rejected, match=r"^open\.undecryptable"):
        verifier.open(headers, body, now=now)


@kind
def x509_serial(given: Inputs, expected: Inputs) -> None:
    """As the console and `Wechatpay-Serial` write it."""
    assert wxcore.Certificate(given["certificate_pem"]).serial == expected["serial"]


@kind
def rsa_oaep_sha1_decrypt(given: Inputs, expected: Inputs) -> None:
    """A sensitive field."""
    key = wxcore.PrivateKey(given["private_key_pem"])
    assert key.decrypt(b64decode(given["ciphertext"])).decode() == expected["plaintext"]


# National cryptography


@kind
def sm3_hex(given: Inputs, expected: Inputs) -> None:
    """SM3."""
    assert wxcore.sm3(b64decode(given["message_b64"])).hex() == expected["hex"]


@kind
def sm4_gcm(given: Inputs, expected: Inputs) -> None:
    """SM4-GCM under a key as it stands, opened and sealed again."""
    bound = (given["key"].encode(), given["nonce"], given["associated_data"])
    plain = wxcore.sm4_open(*bound, given["ciphertext"])
    assert plain.decode() == expected["plaintext"]
    assert wxcore.sm4_seal(*bound, plain) == given["ciphertext"]


@kind
def pay_v3_aead_sm4_gcm(given: Inputs, expected: Inputs) -> None:
    """SM4-GCM under a key derived from the APIv3 key."""
    sealed = [given[name] for name in ("apiv3_key", "nonce", "associated_data", "ciphertext")]
    if "error" in expected:
        assert not accepts(lambda: wxcore.sm4_apiv3_open(*sealed))
        return
    assert wxcore.sm4_apiv3_open(*sealed).decode() == expected["plaintext"]


@kind
def sm2_sm3_verify(given: Inputs, expected: Inputs) -> None:
    """SM2 with the key of a certificate."""
    key = wxcore.Sm2PublicKey(given["certificate_pem"])
    signature = b64decode(given["signature"])
    assert key.verify(given["message"].encode(), signature) is expected["valid"]


@kind
def sm2_decrypt_asn1_c1c3c2(given: Inputs, expected: Inputs) -> None:
    """A sensitive field."""
    key = wxcore.Sm2PrivateKey(given["private_key_pem"])
    assert key.decrypt(b64decode(given["ciphertext"])).decode() == expected["plaintext"]


# API security


def api_security(given: Inputs, private_key: str, platform: dict[str, str]) -> wxcore.ApiSecurity:
    """Return one application's keys."""
    return wxcore.ApiSecurity(
        given["appid"],
        symmetric_number=given["sym_sn"],
        symmetric_key=given["sym_key_b64"],
        private_key=private_key,
        platform=platform,
    )


@kind
def secapi_request(given: Inputs, expected: Inputs) -> None:
    """A sealed call comes out byte for byte; its salted signature fits as the known one does."""
    security = api_security(given, given["private_key_pem"], {})
    parameters = json.loads(expected["plaintext"])
    nonce = parameters.pop("_n")
    del parameters["_appid"], parameters["_timestamp"]
    headers, body = security.seal(
        given["urlpath"] + "?access_token=x",
        json.dumps(parameters, separators=(",", ":"), ensure_ascii=False),
        nonce=nonce,
        iv=b64decode(json.loads(given["postdata"])["iv"]),
        now=given["timestamp"],
    )
    assert body == given["postdata"]
    assert headers["Wechatmp-Appid"] == given["appid"]
    assert headers["Wechatmp-TimeStamp"] == str(given["timestamp"])
    signed = f"{given['urlpath']}\n{given['appid']}\n{given['timestamp']}\n{body}"
    for signature in (headers["Wechatmp-Signature"], expected["signature"]):
        message = {"message": signed, "signature": signature} | given
        rsa_pss_sha256_verify(message, {"valid": True})


@kind
def secapi_response(given: Inputs, expected: Inputs) -> None:
    """An answer, opened at its second; altered by a space it is not."""
    # An application's own key has no part in opening; any will do.
    private_key = next(one for one in VECTORS if one["kind"] == "secapi_request")["inputs"]
    certificate = given["certificate_pem"]
    security = api_security(given, private_key["private_key_pem"], {given["serial"]: certificate})
    headers = {
        "Wechatmp-Appid": given["appid"],
        "Wechatmp-TimeStamp": str(given["timestamp"]),
        "Wechatmp-Serial": given["serial"],
        "Wechatmp-Signature": given["signature"],
    }
    url, now = given["urlpath"], given["timestamp"]
    opened = security.open(url, headers, given["respdata"], now=now)
    assert opened.decode() == expected["plaintext"]
    with pytest.raises(wxcore.Rejected, match=r"^verify\.bad_signature"):
        security.open(url, headers, given["respdata"] + " ", now=now)
