"""Values as WeChat would give them: random, from the operating system, and of the right shape."""

from __future__ import annotations

import secrets
import string
import time
from base64 import b64encode
from datetime import datetime, timedelta, timezone

_ALPHANUMERIC = string.ascii_letters + string.digits
_BEIJING = timezone(timedelta(hours=8))

_TEXTS = (
    "你好",
    "请问几点开门？",
    "退款，订单号 20261111",
    "谢谢 👍🏽",
    "能开发票吗？",
    "地址改成杭州市西湖区文三路 90 号",
    "Hello, 有英文菜单吗？",
)


def text() -> str:
    """Something that a customer writes."""
    return secrets.choice(_TEXTS)


def alphanumeric(length: int) -> str:
    """Letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def digits(length: int) -> str:
    """Decimal digits."""
    return "".join(secrets.choice(string.digits) for _ in range(length))


def openid() -> str:
    """A user of 公众号 or 小程序."""
    return f"o{alphanumeric(27)}"


def userid() -> str:
    """A member of a company."""
    return f"ZhangSan{digits(8)}"


def original_id() -> str:
    """The `gh_` id of an account."""
    return f"gh_{secrets.token_hex(6)}"


def appid() -> str:
    """An appid."""
    return f"wx{secrets.token_hex(8)}"


def corpid() -> str:
    """A company's id, or a suite's."""
    return f"ww{secrets.token_hex(8)}"


def msg_id() -> int:
    """A message's id: more than 53 bits, which careless readers round."""
    return 24_000_000_000_000_001 + 2 * secrets.randbelow(10**15)


def media_id() -> str:
    """The id of a picture, a voice, a video."""
    return alphanumeric(64)


def ticket() -> str:
    """A ticket, as suites and platforms are sent every ten minutes."""
    return f"ticket@@@{alphanumeric(64)}"


def nonce() -> str:
    """The nonce of a push."""
    return str(secrets.randbelow(10**10))


def trade_no() -> str:
    """An order's number: the merchant's own."""
    return f"{time.strftime('%Y%m%d%H%M%S')}{digits(8)}"


def transaction_id() -> str:
    """WeChat Pay's number of a payment; refunds begin with 50."""
    return f"4200001{digits(21)}"


def refund_id() -> str:
    """WeChat Pay's number of a refund."""
    return f"5030000{digits(21)}"


def mchid() -> str:
    """A merchant's id."""
    return f"19{digits(8)}"


def serial() -> str:
    """The serial of a certificate that nobody has."""
    return secrets.token_hex(20).upper()


def aes_key() -> str:
    """An EncodingAESKey; the last of its characters may have spare bits, as real ones do."""
    return b64encode(secrets.token_bytes(32)).decode().rstrip("=").translate(_NO_SIGNS)


def key32() -> str:
    """An APIv3 key, or an APIv2 key."""
    return alphanumeric(32)


def rfc3339(now: int) -> str:
    """A time as WeChat Pay writes it."""
    return datetime.fromtimestamp(now, _BEIJING).isoformat(timespec="seconds")


def compact(now: int) -> str:
    """A time as WeChat Pay's second version writes it."""
    return datetime.fromtimestamp(now, _BEIJING).strftime("%Y%m%d%H%M%S")


_NO_SIGNS = str.maketrans("+/", "Zz")
