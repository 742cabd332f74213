"""What the secrets of WeChat look like, so that a slip of the clipboard shows before a start."""

from __future__ import annotations

import re
from typing import ClassVar

from wxgate.settings.secret import Secret

_AES_KEY_LENGTH = 43
_APIV3_KEY_LENGTH = 32
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_PUBLIC_PEM = re.compile(
    r"\s*-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----\s"
    r"[A-Za-z0-9+/=\s]+-----END \1-----\s*",
)


class AesKey(Secret):
    """An EncodingAESKey."""

    __slots__ = ()

    @staticmethod
    def unfit(value: str) -> str:
        """Count the 43 characters; their spare bits are the core's affair."""
        if len(value) != _AES_KEY_LENGTH:
            return f"{len(value)} characters, expected the 43 of EncodingAESKey"
        if not _BASE64.fullmatch(value):
            return "a character outside A-Z a-z 0-9 + /, expected an EncodingAESKey"
        return ""


class Apiv3Key(Secret):
    """A merchant's APIv3 key, which is used as it is."""

    __slots__ = ()

    @staticmethod
    def unfit(value: str) -> str:
        """Demand the 32 ASCII characters: some libraries take 16 and mean another cipher."""
        if len(value) != _APIV3_KEY_LENGTH:
            return f"{len(value)} characters, expected the 32 of an APIv3 key"
        return "" if value.isascii() else "a character outside ASCII, expected an APIv3 key"


class Pem(Secret):
    """A public key or certificate. Not secret, but kept by reference like the secrets."""

    __slots__ = ()

    noun: ClassVar[str] = "PEM reference"

    @staticmethod
    def unfit(value: str) -> str:
        """Tell a private key, a common mix-up, from a text that is no PEM at all."""
        if "PRIVATE KEY" in value:
            return "a private key, expected a public key or a certificate"
        if not _PUBLIC_PEM.fullmatch(value):
            return "not a PEM text of a PUBLIC KEY or CERTIFICATE"
        return ""


class HeaderValue(Secret):
    """The value of a request header, which must not be able to end it."""

    __slots__ = ()

    @staticmethod
    def unfit(value: str) -> str:
        """Let nothing but printable ASCII into a header."""
        return "" if _PRINTABLE.fullmatch(value) else "not printable ASCII, expected a header value"
