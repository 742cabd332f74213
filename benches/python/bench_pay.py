"""A payment notice: the signature and the resource, beside wechatpayv3 and RSA alone."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from wxcore import PaySender, PayVerifier

with suppress(ImportError):  # without it, its row is skipped
    from wechatpayv3 import WeChatPay, WeChatPayType

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

_NOW = 1_714_112_445
_NONCE = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
_SERIAL = "PUB_KEY_ID_0114232134912410000000000000"
_APIV3_KEY = "0123456789abcdef0123456789abcdef"
_TRANSACTION = (
    '{"mchid":"1900000001","appid":"wxba5fad812f8e6fb9","out_trade_no":"20842-1",'
    '"transaction_id":"4200002123202411231234567890","trade_type":"JSAPI",'
    '"trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"",'
    '"success_time":"2024-04-26T14:20:45+08:00","payer":{"openid":"oMgHVjngRipVsoxg6TuX3vz6glDg"},'
    '"amount":{"total":9900,"payer_total":9900,"currency":"CNY","payer_currency":"CNY"}}'
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice, and those who read it."""

    headers: dict[str, str]
    body: bytes
    signed: bytes
    signature: bytes
    verifier: PayVerifier
    key: rsa.RSAPublicKey
    private_pem: str
    public_pem: str

    def open(self) -> bytes:
        """Verify and open."""
        return self.verifier.open(self.headers, self.body, now=_NOW).resource

    def verify(self) -> None:
        """Verify, and leave the resource closed."""
        self.verifier.verify(self.headers, self.body, now=_NOW)

    def rsa_alone(self) -> None:
        """Check the signature with a parsed key, everything decoded beforehand."""
        self.key.verify(self.signature, self.signed, PKCS1v15(), SHA256())


@pytest.fixture(scope="module")
def notice() -> Notice:
    """One payment, under a key made for this run."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key()
    public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    headers, body = PaySender(_SERIAL, pem, _APIV3_KEY).seal(
        _TRANSACTION.encode(),
        id="EV-2018022511223320873",
        event_type="TRANSACTION.SUCCESS",
        original_type="transaction",
        now=_NOW,
        nonce=_NONCE,
        resource_nonce="fdasflkja484",
    )
    signed = f"{_NOW}\n{_NONCE}\n".encode() + body + b"\n"
    signature = base64.b64decode(headers["Wechatpay-Signature"])
    verifier = PayVerifier({_SERIAL: public_pem}, _APIV3_KEY)
    return Notice(headers, body, signed, signature, verifier, public, pem, public_pem)


def _rival(notice: Notice) -> WeChatPay:
    pytest.importorskip("wechatpayv3")
    return WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid="1900000001",
        private_key=notice.private_pem,
        cert_serial_no="0",
        appid="wxba5fad812f8e6fb9",
        apiv3_key=_APIV3_KEY,
        public_key=notice.public_pem,
        public_key_id=_SERIAL,
    )


@pytest.mark.parametrize("by", ["wxcore", "wechatpayv3"])
def bench_open(benchmark: BenchmarkFixture, notice: Notice, by: str) -> None:
    """Verify the signature and open the resource; the rival decodes it as well."""
    benchmark.group = "PayVerifier.open"
    if by == "wxcore":
        assert notice.open() == _TRANSACTION.encode()
        benchmark(notice.open)
        return
    rival = _rival(notice)
    opened = rival.callback(notice.headers, notice.body)
    assert opened["resource"] == json.loads(_TRANSACTION)
    benchmark(rival.callback, notice.headers, notice.body)


@pytest.mark.parametrize("by", ["wxcore", "cryptography, RSA alone"])
def bench_verify(benchmark: BenchmarkFixture, notice: Notice, by: str) -> None:
    """Verify the signature; both raise if it is wrong."""
    wrong = replace(notice, body=notice.body + b" ", signed=notice.signed + b" ")
    with pytest.raises(ValueError, match=r"verify\.bad_signature"):
        wrong.verify()
    with pytest.raises(InvalidSignature):
        wrong.rsa_alone()
    benchmark.group = "PayVerifier.verify"
    benchmark({"wxcore": notice.verify, "cryptography, RSA alone": notice.rsa_alone}[by])
