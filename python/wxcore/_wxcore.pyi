from collections.abc import Sequence
from typing import Any, Literal, final

class Rejected(ValueError):
    """A message that is not accepted; ``code`` says why, as ``stage.reason``."""

    code: str

@final
class Envelope:
    """WeChat's push envelope: verify, decrypt and seal (protocol: 公众号, 小程序, 企业微信, 第三方平台).

    ``token``, ``encoding_aes_key`` and ``receive_id`` (appid, corpid, suite id or component appid)
    each take one string or several: all of them verify and open, the first signs and seals.
    Raises ``ValueError`` for a key that is not 43 characters of base64.
    """

    def __new__(
        cls,
        token: str | Sequence[str],
        encoding_aes_key: str | Sequence[str],
        receive_id: str | Sequence[str],
    ) -> Envelope: ...
    def verify_url(self, signature: str, timestamp: str, nonce: str, echostr: str) -> str:
        """Check a URL verification of 公众号 or 小程序 and return its ``echostr``; raises Rejected."""
    def verify_sealed_url(
        self, msg_signature: str, timestamp: str, nonce: str, echostr: str
    ) -> str:
        """Check a URL verification of 企业微信 and return the plaintext of its ``echostr``; raises Rejected."""
    def open(self, body: bytes, *, msg_signature: str, timestamp: str, nonce: str) -> Opened:
        """Verify, decrypt and parse a request body, XML or JSON; raises Rejected."""
    def seal(
        self,
        content: bytes,
        *,
        timestamp: str,
        nonce: str,
        shape: Literal["xml", "json", "robot"] = "xml",
        key: int = 0,
        receive_id: int = 0,
    ) -> tuple[bytes, str]:
        """Encrypt and sign ``content``; returns the reply's body and its ``msg_signature``."""
    def encrypt(
        self, content: bytes, *, key: int = 0, receive_id: int = 0, salt: bytes | None = None
    ) -> str:
        """Encrypt ``content`` alone, to base64. ``salt`` (16 bytes) is for known-answer tests."""
    def decrypt(self, ciphertext: str) -> tuple[bytes, str]:
        """Decrypt base64 without checking a signature: tests and forensics. Raises Rejected."""
    def sign(self, timestamp: str, nonce: str, ciphertext: str | None = None) -> str:
        """``msg_signature`` of a ciphertext under the first token; without one, ``signature``."""

@final
class Opened:
    """A message that was verified, decrypted and parsed."""

    @property
    def content(self) -> bytes:
        """The plaintext, as it was sealed."""
    @property
    def receive_id(self) -> str:
        """The receive id it was sealed for."""
    @property
    def key(self) -> int:
        """Index of the key that opened it."""
    @property
    def fields(self) -> dict[str, Any]:
        """Its fields under WeChat's names: text, and for JSON numbers too; repeated ones are lists."""

@final
class HashRing:
    """Consistent hashing by weighted rendezvous: removing a node moves only that node's keys.

    ``nodes`` are names, or ``(name, weight)``. Raises ``ValueError`` for an empty list, a name that
    stands twice, or a weight that is not above zero.
    """

    def __new__(cls, nodes: Sequence[str | tuple[str, float]]) -> HashRing: ...
    def pick(self, key: str) -> str:
        """The name of the node that ``key`` belongs to."""
    def ranked(self, key: str) -> list[str]:
        """All names, the one ``key`` belongs to first, then those it would go to without it."""
    def __len__(self) -> int: ...

def check(config: bytes) -> list[tuple[str, str]]:
    """Every problem that compiling ``config`` meets, as ``(path, reason)``."""

def reasons() -> list[tuple[str, str, int, str]]:
    """Every cause of a refusal: ``(code, blame, status, meaning)``."""

@final
class Gateway:
    """All accounts and routes of a configuration, compiled.

    ``config`` is the JSON that ``wxgate.settings.core_blob`` writes. Raises ``ValueError`` naming
    every problem.
    """

    def __new__(cls, config: bytes) -> Gateway: ...
    def receive(
        self,
        account: str,
        authorizer: str | None,
        method: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        now: int,
    ) -> Received:
        """Take a request to ``/cb/{account}`` or ``/cb/{account}/{authorizer}``.

        ``query`` is the raw query string; ``headers`` are needed where ``needs_headers``; ``now`` is
        in milliseconds since 1970. Never raises for anything a stranger can send.
        """
    def reply(
        self, message: Received, spec: bytes, now: int
    ) -> tuple[int, str, bytes, str | None]:
        """Turn a service's answer into ``(status, content_type, body, code)``.

        Without a reply that is the acknowledgement; if ``spec`` is not a reply, ``code`` says why.
        """
    @staticmethod
    def refusal(code: str) -> tuple[int, str, bytes]:
        """``(status, content_type, body)`` of the refusal for one of wxgate's own codes."""
    def accounts(self) -> list[tuple[str, str]]:
        """``(name, kind)`` of the accounts, in the order of the configuration."""
    def needs_headers(self, account: str) -> bool:
        """Whether requests to ``account`` are verified by their headers."""

@final
class Received:
    """What to do with a request: see ``outcome``."""

    @property
    def outcome(self) -> Literal["answer", "event", "refused"]: ...
    @property
    def status(self) -> int:
        """What to answer; for an event, once it is handed over."""
    @property
    def content_type(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def code(self) -> str | None:
        """Why it was refused, as ``stage.reason``."""
    @property
    def event(self) -> bytes | None:
        """The CloudEvent, as JSON."""
    @property
    def id(self) -> str:
        """The idempotency key. Only an event has this and the following."""
    @property
    def type(self) -> str:
        """The CloudEvents type."""
    @property
    def key(self) -> str:
        """The routing key."""
    @property
    def destinations(self) -> list[tuple[int, list[int], bool]]:
        """Where it goes: ``(route, nodes, wait)`` by index, the chosen node first."""
    @property
    def nonce(self) -> tuple[str, int] | None:
        """A nonce that must be new, and until when to remember it, in milliseconds."""
    @property
    def prescribed(self) -> bool:
        """Whether the answer is prescribed, whatever the destinations say."""
