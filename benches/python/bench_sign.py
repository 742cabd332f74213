"""JS-SDK's signature, which a page asks for on each visit, beside wechatpy's."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from wxcore import jsapi_signature

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

# The example of WeChat's own page, with its answer.
_TICKET = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
_NONCE = "Wm3WZYTPz0wzccnW"
_TIME = 1_414_587_457
_URL = "http://mp.weixin.qq.com?params=value"
_ANSWER = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"

with suppress(ImportError):  # without it, its row is skipped
    from wechatpy.client.api import WeChatJSAPI

    rival = WeChatJSAPI(None)


def _sign() -> str:
    return jsapi_signature(_TICKET, _NONCE, _TIME, _URL)


def _sign_by_rival() -> str:
    signature: str = rival.get_jsapi_signature(_NONCE, _TICKET, _TIME, _URL)
    return signature


@pytest.mark.parametrize("by", ["wxcore", "wechatpy"])
def bench_jsapi(benchmark: BenchmarkFixture, by: str) -> None:
    """SHA-1 over four named values."""
    if by != "wxcore":
        pytest.importorskip(by)
    function = {"wxcore": _sign, "wechatpy": _sign_by_rival}[by]
    assert function() == _ANSWER
    benchmark.group = "jsapi_signature"
    benchmark(function)
