"""WeChat's part in the benches: messages as it sends them, and the requests that carry them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from wxcore import Envelope

_MESSAGES = Path(__file__).parent / "messages"
TEXT = (_MESSAGES / "text.xml").read_bytes()
"""A text message as the platform pushes it: a short Chinese question, 325 bytes."""
LONG = (_MESSAGES / "long.xml").read_bytes()
"""A text message of 6 KB: a list of orders with complaints, Chinese and ASCII mixed."""
SIZES = {"325 B": TEXT, "6 KB": LONG}

TOKEN = "AAAAA"  # noqa: S105 (a made-up one)
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APPID = "wxba5fad812f8e6fb9"
MSG_ID = b"24539081234567890"
USER = "oMgHVjngRipVsoxg6TuX3vz6glDg"
ACCOUNT = {
    "name": "shop",
    "kind": "official",
    "receive_ids": [APPID],
    "tokens": [TOKEN],
    "aes_keys": [AES_KEY],
    "mode": "safe",
    "format": "xml",
    "max_age": 86400,
}
"""As ``wxcore.Gateway`` reads it."""

envelope = Envelope(TOKEN, AES_KEY, APPID)


@dataclass(frozen=True, slots=True)
class Push:
    """One sealed message on its way."""

    body: bytes
    query: str
    msg_signature: str
    timestamp: str
    nonce: str
    now: int
    """Seconds since 1970 at which it was signed."""


def push(message: bytes = TEXT, number: int = 0) -> Push:
    """Seal and sign ``message`` as of now; a ``number`` gives it an id and a nonce of its own."""
    now = int(time.time())
    timestamp, nonce = str(now), str(415670741 + number)
    if number:
        message = message.replace(MSG_ID, str(int(MSG_ID) + number).encode())
    ciphertext = envelope.encrypt(message)
    signature = envelope.sign(timestamp, nonce)
    msg_signature = envelope.sign(timestamp, nonce, ciphertext)
    return Push(
        body=(
            "<xml>\n    <ToUserName><![CDATA[gh_e136c6e50636]]></ToUserName>\n    "
            f"<Encrypt><![CDATA[{ciphertext}]]></Encrypt>\n</xml>\n"
        ).encode(),
        query=(
            f"signature={signature}&timestamp={timestamp}&nonce={nonce}&openid={USER}"
            f"&encrypt_type=aes&msg_signature={msg_signature}"
        ),
        msg_signature=msg_signature,
        timestamp=timestamp,
        nonce=nonce,
        now=now,
    )
