"""The push envelope beside wechatpy's, on the same bytes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from wechat import AES_KEY, APPID, SIZES, TOKEN, Push, envelope, push

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

with suppress(ImportError):  # without it, its rows are skipped
    from wechatpy import parse_message
    from wechatpy.crypto import WeChatCrypto

    rival = WeChatCrypto(TOKEN, AES_KEY, APPID)


def _open(sent: Push) -> str:
    """Verify, decrypt and parse; read one field."""
    opened = envelope.open(
        sent.body, msg_signature=sent.msg_signature, timestamp=sent.timestamp, nonce=sent.nonce
    )
    content: str = opened.fields["Content"]
    return content


def _open_by_rival(sent: Push) -> str:
    """Verify, decrypt and parse; read the same field."""
    xml = rival.decrypt_message(sent.body, sent.msg_signature, sent.timestamp, sent.nonce)
    content: str = parse_message(xml).content
    return content


def _seal(message: bytes) -> str:
    """Encrypt, sign and write an envelope."""
    body, _ = envelope.seal(message, timestamp="1714112445", nonce="415670741")
    return body.decode()


def _seal_by_rival(message: bytes) -> str:
    """Encrypt, sign and write an envelope."""
    body: str = rival.encrypt_message(message.decode(), "415670741", "1714112445")
    return body


@pytest.mark.parametrize("by", ["wxcore", "wechatpy"])
@pytest.mark.parametrize("size", SIZES)
def bench_open(benchmark: BenchmarkFixture, size: str, by: str) -> None:
    """Verify, decrypt, parse, read one field."""
    if by != "wxcore":
        pytest.importorskip(by)
    sent = push(SIZES[size])
    content = SIZES[size].decode().partition("<Content><![CDATA[")[2].partition("]]>")[0]
    function = {"wxcore": _open, "wechatpy": _open_by_rival}[by]
    assert function(sent) == content
    benchmark.group = f"Envelope.open, {size}"
    benchmark(function, sent)


@pytest.mark.parametrize("by", ["wxcore", "wechatpy"])
@pytest.mark.parametrize("size", SIZES)
def bench_seal(benchmark: BenchmarkFixture, size: str, by: str) -> None:
    """Pad, encrypt, sign, write an envelope; opened again before it counts."""
    if by != "wxcore":
        pytest.importorskip(by)
    function = {"wxcore": _seal, "wechatpy": _seal_by_rival}[by]
    sealed = function(SIZES[size])
    ciphertext = sealed.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
    assert envelope.decrypt(ciphertext) == (SIZES[size], APPID)
    assert envelope.sign("1714112445", "415670741", ciphertext) in sealed
    benchmark.group = f"Envelope.seal, {size}"
    benchmark(function, SIZES[size])
