"""The push envelope beside wechatpy's, on the same bytes."""

from __future__ import annotations

import re
from contextlib import suppress
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

import pytest
from wechat import AES_KEY, APPID, SIZES, TOKEN, Push, envelope, push

if TYPE_CHECKING:
    from collections.abc import Callable

    import wxcore
    from pytest_benchmark.fixture import BenchmarkFixture
    from wechatpy.messages import BaseMessage

with suppress(ImportError):  # without it, its rows are skipped
    from wechatpy import parse_message
    from wechatpy.crypto import WeChatCrypto

    rival = WeChatCrypto(TOKEN, AES_KEY, APPID)


def _open(sent: Push) -> wxcore.Opened:
    """Verify, decrypt and parse."""
    return envelope.open(
        sent.body, msg_signature=sent.msg_signature, timestamp=sent.timestamp, nonce=sent.nonce
    )


def _open_by_rival(sent: Push) -> BaseMessage:
    """Verify, decrypt and parse, which makes a ``str`` of every field."""
    xml = rival.decrypt_message(sent.body, sent.msg_signature, sent.timestamp, sent.nonce)
    return parse_message(xml)


# What is read of the message then, by each side: wxcore makes a ``str`` of what is read only.
_READ: dict[str, dict[str, Callable[[Push], object]]] = {
    "": {"wxcore": _open, "wechatpy": _open_by_rival},
    ", text read": {
        "wxcore": lambda sent: _open(sent)["Content"],
        "wechatpy": lambda sent: _open_by_rival(sent).content,
    },
    ", sender and type read": {
        "wxcore": lambda sent: itemgetter("FromUserName", "MsgType")(_open(sent)),
        "wechatpy": lambda sent: attrgetter("source", "type")(_open_by_rival(sent)),
    },
    ", all fields read": {
        "wxcore": lambda sent: _open(sent).fields,
        "wechatpy": lambda sent: _open_by_rival(sent)._data,  # noqa: SLF001 (there is no other way)
    },
}


def _seal(message: bytes) -> str:
    """Encrypt, sign and write an envelope."""
    body, _ = envelope.seal(message, timestamp="1714112445", nonce="415670741")
    return body.decode()


def _seal_by_rival(message: bytes) -> str:
    """Encrypt, sign and write an envelope."""
    body: str = rival.encrypt_message(message.decode(), "415670741", "1714112445")
    return body


@pytest.mark.parametrize("by", ["wxcore", "wechatpy"])
@pytest.mark.parametrize("read", _READ)
@pytest.mark.parametrize("size", SIZES)
def bench_open(benchmark: BenchmarkFixture, size: str, read: str, by: str) -> None:
    """Verify, decrypt, parse; and then read the message's text, two short fields, or all."""
    if by != "wxcore":
        pytest.importorskip(by)
    sent = push(SIZES[size])
    fields = dict(re.findall(r"<(\w+)>(?:<!\[CDATA\[)?([^<]+?)(?:]]>)?</", SIZES[size].decode()))
    for name, expected in (
        (", text read", fields["Content"]),
        (", sender and type read", (fields["FromUserName"], fields["MsgType"])),
        (", all fields read", fields),
    ):
        assert _READ[name][by](sent) == expected
    function = _READ[read][by]
    benchmark.group = f"Envelope.open, {size}{read}"
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
