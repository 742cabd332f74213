"""RSA key pairs for the parts that sign: WeChat Pay's, and a partner's."""

from __future__ import annotations

from typing import NamedTuple

from wxcore import generate_rsa_key


class KeyPair(NamedTuple):
    """Both halves, as PEM."""

    private: str
    public: str

    @classmethod
    def generate(cls) -> KeyPair:
        """Make a new pair: PKCS#8 and SubjectPublicKeyInfo, 2048 bits."""
        return cls(*generate_rsa_key())

    def __repr__(self) -> str:
        """Keep the private half out of logs and tracebacks."""
        return "KeyPair(private=…, public=…)"
