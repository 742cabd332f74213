"""Other people's implementations: what they seal opens here, what is sealed here opens there."""

from __future__ import annotations

import json
import random
import string
import time
import warnings
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import gmalg
import pytest
import wxcore
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they are older than some of what they import
    from wechatpayv3 import utils as payv3
    from wechatpy.client.api.jsapi import WeChatJSAPI
    from wechatpy.crypto import WeChatCrypto, WeChatRefundCrypto, WeChatWxaCrypto
    from wechatpy.enterprise.crypto import WeChatCrypto as WorkCrypto
    from wechatpy.pay import utils as payv2

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20_261_123
TOKEN, NONCE, TIMESTAMP, APPID = "ShopToken", "415670741", "1714112445", "wxba5fad812f8e6fb9"
ALPHABETS = (
    string.ascii_letters + string.digits + " ,.!?&<>\"'",
    "你好请问退款订单谢谢微信支付公众号小程序企业",
    "👍🏽😀🎉𠮷野家",
    string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", ""),
)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
PUBLIC = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def texts(count: int, largest: int = 2000) -> Iterator[str]:
    """Empty, one character, every length about a block, then anything up to `largest`."""
    draw = random.Random(SEED)  # noqa: S311 (repeatable, not secret)
    lengths = [0, 1, *range(2, 100)]
    for number in range(count):
        length = lengths[number] if number < len(lengths) else draw.randrange(largest)
        alphabet = draw.choice(ALPHABETS)
        yield "".join(draw.choices(alphabet, k=length))


def aes_keys() -> Iterator[str]:
    """Keys as the console draws them: the last character's spare bits are often set."""
    draw = random.Random(SEED)  # noqa: S311 (repeatable, not secret)
    while True:
        yield "".join(draw.choices(string.ascii_letters + string.digits, k=43))


def as_text(value: str | bytes) -> str:
    """What wechatpy opens is sometimes the one and sometimes the other."""
    return value.decode() if isinstance(value, bytes) else value


def large() -> Iterator[str]:
    """Up to 100 KB, in one byte a character and in four."""
    yield "x" * 100_000
    yield "好" * 33_333
    yield "👍" * 25_000


@pytest.mark.parametrize("crypto", [WeChatCrypto, WorkCrypto])
def test_push_envelopes_open_on_both_sides(crypto: Any) -> None:
    """Thousands of messages, under many keys."""
    for key, text in zip(aes_keys(), [*texts(1500), *large()], strict=False):
        ours, theirs = wxcore.Envelope(TOKEN, key, APPID), crypto(TOKEN, key, APPID)
        message = wxcore.Envelope(TOKEN, key, APPID)
        plain = json.dumps({"MsgType": "text", "Content": text}, ensure_ascii=False)
        body, signature = message.seal(plain.encode(), timestamp=TIMESTAMP, nonce=NONCE)
        opened_there = theirs.decrypt_message(body, signature, TIMESTAMP, NONCE)
        assert as_text(opened_there) == plain, SEED

        sealed = theirs.encrypt_message(plain, NONCE, TIMESTAMP)
        given = sealed.split("<MsgSignature><![CDATA[")[1].split("]")[0]
        opened = ours.open(sealed.encode(), msg_signature=given, timestamp=TIMESTAMP, nonce=NONCE)
        assert opened.content.decode() == plain, SEED
        assert opened.fields["Content"] == text, SEED
        assert opened.receive_id == APPID


def test_any_text_survives_the_envelope() -> None:
    """No message at all, one byte, and what is neither XML nor JSON."""
    key = next(aes_keys())
    ours, theirs = wxcore.Envelope(TOKEN, key, APPID), WeChatCrypto(TOKEN, key, APPID)
    for text in [*texts(1500), *large()]:
        sealed = ours.encrypt(text.encode())
        signature = ours.sign(TIMESTAMP, NONCE, sealed)
        opened = theirs.decrypt_message({"Encrypt": sealed}, signature, TIMESTAMP, NONCE)
        assert as_text(opened) == text, SEED


def test_encrypted_echoes_are_answered_alike() -> None:
    """企业微信's URL verification."""
    for key, text in zip(aes_keys(), texts(300, 64), strict=False):
        echo = text or "0"
        ours, theirs = wxcore.Envelope(TOKEN, key, APPID), WorkCrypto(TOKEN, key, APPID)
        sealed = ours.encrypt(echo.encode())
        signature = ours.sign(TIMESTAMP, NONCE, sealed)
        expected = theirs.check_signature(signature, TIMESTAMP, NONCE, sealed)
        assert ours.verify_sealed_url(signature, TIMESTAMP, NONCE, sealed) == as_text(expected)


def test_apiv2_signatures_are_equal() -> None:
    """Both algorithms, over fields that nobody has heard of."""
    key = "192006250b4c09247ec02edce69f6a2d"
    verifier = wxcore.PayV2Verifier(key)
    for number, text in enumerate(texts(500, 200)):
        value = text.strip().replace("]]>", "")
        fields = {"return_code": "SUCCESS", f"coupon_fee_{number}": "1", "attach": value}
        md5, mac = (
            payv2.calculate_signature(fields, key),
            payv2.calculate_signature_hmac(fields, key),
        )
        assert wxcore.pay_v2_sign(fields, key) == md5, SEED
        assert wxcore.pay_v2_sign(fields, key, "HMAC-SHA256") == mac, SEED
        for sign in (md5, mac):
            notice = payv2.dict_to_xml({**fields, "attach": f"{value}"}, sign)
            kind, read, _ = verifier.open(notice.encode())
            assert (kind, read["attach"]) == ("signed", value), SEED


def test_apiv2_refunds_open_on_both_sides() -> None:
    """`req_info`, sealed there and here."""
    key = "192006250b4c09247ec02edce69f6a2d"
    theirs = WeChatRefundCrypto(key)
    for text in texts(200, 300):
        value = "".join(text.split()).replace("]]>", "")
        inner = f"<root><out_refund_no><![CDATA[{value}]]></out_refund_no></root>"
        # wechatpy seals with blocks of 32, which WeChat Pay does not; it opens both.
        encryptor = Cipher(algorithms.AES(theirs.key), modes.ECB()).encryptor()  # noqa: S305
        count = 16 - len(inner.encode()) % 16
        sealed = encryptor.update(inner.encode() + bytes([count]) * count) + encryptor.finalize()
        assert wxcore.pay_v2_refund_open(key, b64encode(sealed).decode()) == inner, SEED
        notice = {"appid": "a", "mch_id": "m", "req_info": wxcore.pay_v2_refund_seal(key, inner)}
        opened = theirs.decrypt_message(notice, "a", "m")
        assert (opened["out_refund_no"] or "") == value, SEED


def test_apiv3_notices_open_on_both_sides() -> None:
    """Sealed here and there, signed here and there."""
    apiv3 = "0123456789abcdef0123456789ABCDEF"
    sender = wxcore.PaySender("PUB_KEY_ID_1", PRIVATE, apiv3)
    verifier = wxcore.PayVerifier({"PUB_KEY_ID_1": PUBLIC}, apiv3)
    public, now = KEY.public_key(), int(TIMESTAMP)
    for number, text in enumerate(texts(150)):
        resource = json.dumps({"attach": text}, ensure_ascii=False).encode()
        headers, body = sender.seal(
            resource,
            id=f"EV-{number}",
            event_type="TRANSACTION.SUCCESS",
            original_type="transaction",
            now=now,
            nonce=NONCE,
            resource_nonce=f"{number:012}",
        )
        signature = headers["Wechatpay-Signature"]
        assert payv3.rsa_verify(TIMESTAMP, NONCE, body.decode(), signature, public), SEED
        sealed = json.loads(body)["resource"]
        theirs = payv3.aes_decrypt(
            sealed["nonce"], sealed["ciphertext"], sealed["associated_data"], apiv3
        )
        assert theirs.encode() == resource, SEED
        assert verifier.open(headers, body, now=now).resource == resource

        ciphertext = AESGCM(apiv3.encode()).encrypt(b"abcdef012345", resource, b"transaction")
        sealed["nonce"], sealed["ciphertext"] = "abcdef012345", b64encode(ciphertext).decode()
        other = json.dumps(json.loads(body) | {"resource": sealed}, ensure_ascii=False)
        signed = payv3.rsa_sign(KEY, f"{TIMESTAMP}\n{NONCE}\n{other}\n")
        headers["Wechatpay-Signature"] = signed
        assert verifier.open(headers, other.encode(), now=now).resource == resource, SEED


def test_apiv3_calls_are_signed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole header, to the byte."""
    monkeypatch.setattr(time, "time", lambda: int(TIMESTAMP))
    merchant = wxcore.Merchant("1900000001", "SERIAL", PRIVATE)
    for text in texts(100, 300):
        path, body = "/v3/pay/transactions/jsapi?a=b", json.dumps({"description": text})
        theirs = payv3.build_authorization(
            path, "POST", "1900000001", "SERIAL", KEY, data=body, nonce_str=NONCE
        )
        ours = merchant.authorization(
            "POST", path, body.encode(), nonce=NONCE, timestamp=int(TIMESTAMP)
        )
        assert ours == theirs, SEED


def test_rsa_agrees_with_cryptography() -> None:
    """PKCS#1 v1.5, PSS and OAEP, both ways."""
    ours_private, ours_public = wxcore.PrivateKey(PRIVATE), wxcore.PublicKey(PUBLIC)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 (Pay's choice)
    for text in texts(60):
        message = text.encode()
        public = KEY.public_key()
        public.verify(ours_private.sign(message), message, padding.PKCS1v15(), hashes.SHA256())
        public.verify(ours_private.sign(message, pss=True), message, pss, hashes.SHA256())
        assert ours_public.verify(message, KEY.sign(message, padding.PKCS1v15(), hashes.SHA256()))
        assert ours_public.verify(message, KEY.sign(message, pss, hashes.SHA256()), pss=True)
        short = message[:200]
        assert KEY.decrypt(ours_public.encrypt(short), oaep) == short
        assert ours_private.decrypt(public.encrypt(short, oaep)) == short


def test_js_sdk_pages_are_signed_alike() -> None:
    """Any address."""
    for text in texts(300, 200):
        url = f"https://example.com/?q={''.join(text.split())}"
        page = url.split("#", maxsplit=1)[0]
        theirs = WeChatJSAPI.get_jsapi_signature(None, NONCE, "ticket", int(TIMESTAMP), page)
        assert wxcore.jsapi_signature("ticket", NONCE, int(TIMESTAMP), url) == theirs, SEED


def test_mini_program_data_opens_alike() -> None:
    """AES-128, blocks of 16, and the watermark."""
    draw = random.Random(SEED)  # noqa: S311 (repeatable, not secret)
    for text in texts(200):
        key, iv = draw.randbytes(16), draw.randbytes(16)
        data = {"nickName": text, "watermark": {"appid": APPID, "timestamp": int(TIMESTAMP)}}
        plain = json.dumps(data, ensure_ascii=False).encode()
        count = 16 - len(plain) % 16
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        sealed = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
        words = [b64encode(part).decode() for part in (key, iv, sealed)]
        ours = wxcore.open_encrypted_data(
            words[0], words[1], words[2], appid=APPID, max_age=300, now=int(TIMESTAMP)
        )
        assert ours == plain
        if count != 16:  # wechatpy's unpadding is that of the push envelope
            assert WeChatWxaCrypto(words[0], words[1], APPID).decrypt_message(words[2]) == data


def test_national_cryptography_agrees_with_gmalg() -> None:
    """SM3 and SM4-GCM over any text; `cryptography` has the mode that gmalg lacks."""
    draw = random.Random(SEED)  # noqa: S311 (repeatable, not secret)
    for text in texts(150):
        message = text.encode()
        digest = gmalg.SM3()
        digest.update(message)
        assert wxcore.sm3(message) == digest.value(), SEED
        key = draw.randbytes(16)
        encryptor = Cipher(algorithms.SM4(key), modes.GCM(b"abcdef012345")).encryptor()
        encryptor.authenticate_additional_data(b"transaction")
        sealed = encryptor.update(message) + encryptor.finalize() + encryptor.tag
        assert (
            wxcore.sm4_seal(key, "abcdef012345", "transaction", message)
            == b64encode(sealed).decode()
        )
        ciphertext = b64encode(sealed).decode()
        assert wxcore.sm4_open(key, "abcdef012345", "transaction", ciphertext) == message
        assert b64decode(ciphertext) == sealed
