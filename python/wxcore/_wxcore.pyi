from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self, final

__all__ = [
    "ApiSecurity",
    "Certificate",
    "Claims",
    "Envelope",
    "Gateway",
    "HashRing",
    "Journal",
    "JournalError",
    "JournalReader",
    "Limiter",
    "Limits",
    "Merchant",
    "Opened",
    "PartnerSender",
    "PartnerVerifier",
    "PayNotice",
    "PaySender",
    "PayV2Verifier",
    "PayVerifier",
    "PrivateKey",
    "PublicKey",
    "Received",
    "Rejected",
    "SharedClaims",
    "Sm2PrivateKey",
    "Sm2PublicKey",
    "Stored",
    "aead_open",
    "aead_seal",
    "bulks",
    "check",
    "decide",
    "generate_rsa_key",
    "hmac_base64",
    "hmac_hex",
    "jsapi_signature",
    "open_encrypted_data",
    "pay_sig",
    "pay_v2_refund_open",
    "pay_v2_refund_seal",
    "pay_v2_sign",
    "reasons",
    "run_load",
    "sm3",
    "sm4_apiv3_open",
    "sm4_open",
    "sm4_seal",
    "sorted_values_signature",
    "user_signature",
    "verify_pay_event",
    "verify_raw_data",
]

class Rejected(ValueError):  # noqa: N818 (the word of the docs)
    """A message that is not accepted; ``code`` says why, as ``stage.reason``."""

    code: str

@final
class Envelope:
    """The envelope of 公众号, 小程序, 企业微信 and 第三方平台: verify, decrypt and seal.

    ``token``, ``encoding_aes_key`` and ``receive_id`` (appid, corpid, suite id or component appid)
    each take one string or several: all of them verify and open, the first signs and seals.
    Without any key (``[]``) it serves plain mode: it checks and signs, and whatever needs a key
    raises ``ValueError``, as a key does that is not 43 characters of base64.
    """

    def __new__(
        cls,
        token: str | Sequence[str],
        encoding_aes_key: str | Sequence[str],
        receive_id: str | Sequence[str],
    ) -> Envelope: ...
    def verify_url(self, signature: str, timestamp: str, nonce: str, echostr: str) -> str:
        """Check a URL verification of 公众号 or 小程序; return its ``echostr``; raises Rejected."""
    def verify_sealed_url(
        self, msg_signature: str, timestamp: str, nonce: str, echostr: str
    ) -> str:
        """Check a URL verification of 企业微信; return the plaintext of its ``echostr``.

        Raises Rejected.
        """
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
    """A message that was verified, decrypted and parsed; ``opened[name]`` is one field's value.

    Values become Python objects when they are asked for: turning a long Chinese text into ``str``
    costs half as much as verifying and decrypting it.
    """

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
        """All its fields under WeChat's names, in their order; made on first use, and kept.

        Text of XML stays text; values of JSON keep their kind; what repeats is a list, what is
        nested a dict.
        """
    def __getitem__(self, key: str, /) -> Any:  # noqa: ANN401 (as JSON has it)
        """One of ``fields``, without making the others. Raises ``KeyError`` if there is none."""
    def get(self, name: str) -> str | None:
        """The text of one top-level field; None if absent, empty or nested."""

@final
class HashRing:
    """Consistent hashing by weighted rendezvous: removing a node moves only that node's keys.

    More weight only attracts keys, and the order of the nodes does not matter.

    ``nodes`` are names, or ``(name, weight)``. Raises ``ValueError`` for an empty list or one of
    more than 4096, a name that stands twice, or a weight that is not above zero.
    """

    def __new__(cls, nodes: Sequence[str | tuple[str, float]]) -> HashRing: ...
    def pick(self, key: str) -> str:
        """The name of the node that ``key`` belongs to."""
    def ranked(self, key: str, count: int | None = None) -> list[str]:
        """The names, the one ``key`` belongs to first, then those it would go to without it.

        All of them, or the first ``count``. Up to four cost little however many nodes there are.
        """
    @property
    def table(self) -> bool:
        """Whether the nodes are so many that the first of each ranking are looked up."""
    def __len__(self) -> int: ...

@final
class PayVerifier:
    """Verifies and opens the notices of WeChat Pay APIv3 (protocol: 微信支付 APIv3).

    ``platform_keys`` maps a certificate's serial to the certificate, or ``PUB_KEY_ID_…`` to the
    public key, both as PEM and side by side; ``apiv3_key`` takes one key of 32 characters or
    several. Raises ``ValueError`` naming every problem.
    """

    def __new__(
        cls, platform_keys: Mapping[str, str], apiv3_key: str | Sequence[str]
    ) -> PayVerifier: ...
    def verify(self, headers: Mapping[str, str], body: bytes, *, now: int) -> None:
        """Check that WeChat Pay sent this within 300 s of ``now`` (s); raises Rejected."""
    def open(self, headers: Mapping[str, str], body: bytes, *, now: int) -> PayNotice:
        """Verify a notice and open its resource; raises Rejected."""
    def platform_keys(self) -> list[tuple[str, int | None]]:
        """``(serial, end of validity in seconds)``; a public key has no end."""

@final
class PayNotice:
    """A notice that was verified and opened."""

    @property
    def id(self) -> str: ...
    @property
    def create_time(self) -> str | None:
        """RFC 3339, as WeChat writes it."""
    @property
    def event_type(self) -> str:
        """Such as ``TRANSACTION.SUCCESS``."""
    @property
    def original_type(self) -> str | None:
        """What was sealed, such as ``transaction``."""
    @property
    def summary(self) -> str | None: ...
    @property
    def resource(self) -> bytes:
        """The opened resource, JSON."""
    @property
    def key(self) -> int:
        """Index of the APIv3 key that opened it."""

@final
class PaySender:
    """Plays WeChat Pay towards one merchant. ``private_key`` is RSA, PEM; raises ``ValueError``."""

    def __new__(cls, serial: str, private_key: str, apiv3_key: str) -> PaySender: ...
    def seal(
        self,
        resource: bytes,
        *,
        id: str,  # noqa: A002 (the notice's own word)
        event_type: str,
        original_type: str,
        now: int,
        nonce: str,
        resource_nonce: str,
    ) -> tuple[dict[str, str], bytes]:
        """Build a notice around JSON and sign it at ``now`` (s): ``(headers, body)``."""
    def sign(self, body: bytes, *, now: int, nonce: str) -> dict[str, str]:
        """Sign any body at ``now`` (s): the headers."""

@final
class PayV2Verifier:
    """Verifies and opens the notices of WeChat Pay APIv2.

    ``key`` takes one API key of 32 characters or several. With a ``sign_type`` (``MD5``,
    ``HMAC-SHA256``) no other is accepted. Raises ``ValueError`` naming every problem.
    """

    def __new__(
        cls,
        key: str | Sequence[str],
        *,
        sign_type: Literal["MD5", "HMAC-SHA256"] | None = None,
        apiv3_key: str | Sequence[str] | None = None,
    ) -> PayV2Verifier: ...
    def open(
        self, body: bytes
    ) -> tuple[Literal["signed", "refund", "resource"], dict[str, Any], bytes | None]:
        """Verify a notice: ``(kind, outer fields, what was sealed)``; raises Rejected."""

@final
class PublicKey:
    """An RSA public key, from PEM: ``PUBLIC KEY`` or ``CERTIFICATE``. Raises ``ValueError``."""

    def __new__(cls, pem: str) -> PublicKey: ...
    def verify(self, message: bytes, signature: bytes, *, pss: bool = False) -> bool:
        """PKCS#1 v1.5 with SHA-256, or PSS with a salt of 32."""
    def encrypt(self, plain: bytes) -> bytes:
        """OAEP with SHA-1, as Pay wants sensitive fields."""

@final
class PrivateKey:
    """An RSA private key, PEM: PKCS#8 or PKCS#1. Shows nothing of itself. Raises ``ValueError``."""

    def __new__(cls, pem: str) -> PrivateKey: ...
    def sign(self, message: bytes, *, pss: bool = False) -> bytes:
        """PKCS#1 v1.5 with SHA-256, or PSS with a salt of 32. About 300 µs."""
    def decrypt(self, sealed: bytes) -> bytes:
        """OAEP with SHA-1; raises ``ValueError``."""

@final
class Certificate:
    """What wxgate reads of a certificate, from PEM. Raises ``ValueError``."""

    def __new__(cls, pem: str) -> Certificate: ...
    @property
    def serial(self) -> str:
        """Upper-case hex without leading zeros."""
    @property
    def not_before(self) -> int:
        """Seconds since 1970."""
    @property
    def not_after(self) -> int: ...
    @property
    def common_name(self) -> str | None: ...
    @property
    def key(self) -> str:
        """``RSA-2048`` and the like, ``SM2``, or ``other``."""

@final
class PartnerVerifier:
    """Verifies and opens a partner's callbacks. ``public_key`` is PEM. Raises ``ValueError``."""

    def __new__(
        cls, app_id: str, app_secret: str | Sequence[str], public_key: str | Sequence[str]
    ) -> PartnerVerifier: ...
    def open(self, body: bytes, *, now: int) -> tuple[bytes, str, int]:
        """``(plaintext, nonce, expires)`` in seconds; refuse a nonce that comes again before."""

@final
class PartnerSender:
    """Seals and signs callbacks to a partner. ``private_key`` is PEM. Raises ``ValueError``."""

    def __new__(cls, app_id: str, app_secret: str, private_key: str) -> PartnerSender: ...
    def seal(self, plaintext: bytes, *, nonce: str, now: int) -> bytes:
        """The body to post at ``now`` (s), around a JSON object.

        ``nonce``: 16 to 64 of ``A-Z a-z 0-9 _ -``, never the same. Raises ``ValueError``.
        """

@final
class Merchant:
    """A merchant that calls WeChat Pay APIv3; ``serial`` is its own certificate's."""

    def __new__(cls, mchid: str, serial: str, private_key: str) -> Merchant: ...
    def authorization(
        self, method: str, path: str, body: bytes, *, nonce: str, timestamp: int
    ) -> str:
        """The value of the ``Authorization`` header; ``path`` includes the query."""
    def page_signature(self, appid: str, prepay_id: str, nonce: str, timestamp: int) -> str:
        """``paySign`` for a page in WeChat and for a mini program."""
    def app_signature(self, appid: str, prepay_id: str, nonce: str, timestamp: int) -> str:
        """``sign`` for an app."""

@final
class ApiSecurity:
    """Server API signing and encryption for one application.

    ``symmetric_key`` is base64 of 32 bytes; ``platform`` maps the console's key numbers to PEM.
    Raises ``ValueError`` for an unusable key.
    """

    def __new__(
        cls,
        appid: str,
        *,
        symmetric_number: str,
        symmetric_key: str,
        private_key: str,
        platform: Mapping[str, str],
    ) -> ApiSecurity: ...
    def seal(
        self, url: str, parameters: str, *, nonce: str, iv: bytes, now: int
    ) -> tuple[dict[str, str], str]:
        """Seal a JSON object for ``url``: ``(headers, body)``. ``iv``: 12 random bytes."""
    def open(self, url: str, headers: Mapping[str, str], body: str, *, now: int) -> bytes:
        """Verify and open the answer to a call to ``url``: JSON; raises Rejected."""

@final
class Sm2PublicKey:
    """An SM2 public key, from PEM: ``PUBLIC KEY`` or ``CERTIFICATE``. Raises ``ValueError``."""

    def __new__(cls, pem: str) -> Sm2PublicKey: ...
    def verify(self, message: bytes, signature: bytes) -> bool:
        """SM2 with SM3; the signature is DER."""

@final
class Stored:
    """A message in the journal."""

    @property
    def seq(self) -> int:
        """Its number in its folder."""
    @property
    def id(self) -> str:
        """The idempotency key."""
    @property
    def account(self) -> str: ...
    @property
    def key(self) -> str:
        """The routing key."""
    @property
    def type(self) -> str:
        """The CloudEvents type."""
    @property
    def subject(self) -> str | None:
        """The user, or Pay's order."""
    @property
    def accepted(self) -> int:
        """When it was accepted, in milliseconds since 1970."""
    @property
    def event(self) -> bytes:
        """The CloudEvent, as JSON."""
    @property
    def wait(self) -> bool:
        """Whether the sender waits for a reply."""
    @property
    def folder(self) -> str:
        """The worker's folder; empty where a journal reads its own."""
    @property
    def undelivered(self) -> list[str]:
        """Destinations that have not taken it yet; empty where a journal reads its own."""

@final
class Sm2PrivateKey:
    """An SM2 private key, from PEM. Shows nothing of itself. Raises ``ValueError``."""

    def __new__(cls, pem: str) -> Sm2PrivateKey: ...
    def sign(self, message: bytes) -> bytes:
        """SM2 with SM3, to DER."""
    def decrypt(self, sealed: bytes) -> bytes:
        """ASN.1 C1C3C2; raises ``ValueError``."""

def generate_rsa_key() -> tuple[str, str]:
    """A new RSA-2048 key as PEM: ``(PRIVATE KEY, PUBLIC KEY)``. For playing the other side."""

def aead_open(key: str, nonce: str, associated_data: str, ciphertext: str) -> bytes:
    """Open base64 as WeChat Pay seals it with ``AEAD_AES_256_GCM``; raises Rejected."""

def aead_seal(key: str, nonce: str, associated_data: str, plain: bytes) -> str:
    """Seal with ``AEAD_AES_256_GCM`` into base64. A nonce must never serve twice under one key."""

def pay_v2_sign(
    fields: Mapping[str, str], key: str, sign_type: Literal["MD5", "HMAC-SHA256"] = "MD5"
) -> str:
    """APIv2's signature: ``sign`` and empty values left out, sorted by name."""

def pay_v2_refund_open(key: str, req_info: str) -> str:
    """Open ``req_info`` of a refund's notice: an XML document; raises Rejected."""

def pay_v2_refund_seal(key: str, inner: str) -> str:
    """Seal an XML document as ``req_info``."""

def jsapi_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """JS-SDK's signature; ``url`` counts up to ``#``."""

def sorted_values_signature(values: Sequence[str]) -> str:
    """SHA-1 over the sorted values: ``card_ext`` and its like."""

def hmac_hex(key: str, message: bytes) -> str:
    """HMAC-SHA256 in lower-case hex."""

def hmac_base64(key: str, message: bytes) -> str:
    """HMAC-SHA256 in base64: WeCom's payment tool."""

def pay_sig(app_key: str, uri: str, body: bytes) -> str:
    """Virtual payment: ``pay_sig`` over the path, its query left out, and the body."""

def user_signature(session_key: str, body: bytes) -> str:
    """Virtual payment: ``signature`` under the user's session key."""

def verify_pay_event(app_key: str, event: str, payload: str, signature: str) -> bool:
    """Whether ``PayEventSig`` is that of a mini game's event; ``payload`` is the literal text."""

def verify_raw_data(raw_data: str, session_key: str, signature: str) -> bool:
    """Whether ``signature`` is that of a mini program's ``rawData``."""

def open_encrypted_data(
    session_key: str, iv: str, encrypted: str, *, appid: str, max_age: int, now: int
) -> bytes:
    """Decrypt a mini program's ``encryptedData`` and check its watermark: JSON; raises Rejected."""

def sm3(data: bytes) -> bytes:
    """SM3 over ``data``."""

def sm4_open(key: bytes, nonce: str, associated_data: str, ciphertext: str) -> bytes:
    """Open base64 with SM4-GCM under a key of 16 bytes; raises Rejected."""

def sm4_apiv3_open(apiv3_key: str, nonce: str, associated_data: str, ciphertext: str) -> bytes:
    """Open base64 with ``AEAD_SM4_GCM``: its key is the head of the SM3 of ``apiv3_key``."""

def sm4_seal(key: bytes, nonce: str, associated_data: str, plain: bytes) -> str:
    """Seal with SM4-GCM into base64. A nonce must never serve twice under one key."""

def run_load(spec: bytes, watch: Callable[[bytes], object] | None) -> bytes:
    """Play WeChat at a given rate (``wxgate bench load``), told and reported in JSON.

    ``watch`` hears of the progress once a second; an exception of its, or a signal's, is the end.
    Raises ``ValueError`` for a run that cannot be played, ``OSError`` for the player's own sockets.
    """

def check(config: bytes) -> list[tuple[str, str]]:
    """Every problem that compiling ``config`` meets, as ``(path, reason)``."""

def reasons() -> list[tuple[str, str, int, str]]:
    """Every cause of a refusal: ``(code, blame, status, meaning)``."""

@final
class Gateway:
    """All accounts and routes of a configuration, compiled.

    ``config`` is the JSON that ``wxgate.settings.core_blob`` writes; ``places`` says for each route
    which destination of the journal it leads to, without it each has its own. Raises ``ValueError``
    naming every problem.
    """

    def __new__(cls, config: bytes, places: Sequence[int] | None = None) -> Gateway: ...
    def receive(
        self,
        account: str,
        authorizer: str | None,
        method: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        now: int,
        peer: str | None = None,
    ) -> Received:
        """Take a request to ``/cb/{account}`` or ``/cb/{account}/{authorizer}``.

        ``query`` is the raw query string; ``headers`` are needed where ``needs_headers``;
        ``now`` is in milliseconds since 1970; ``peer`` is the address that called, if
        ``needs_source``. Never raises for anything a stranger can send.
        """
    def nodes(
        self, route: int, key: str, account: str, message_id: str, seq: int, event: bytes
    ) -> list[int]:
        """Nodes of a route by index, the chosen one first, for a message that was read back.

        Four at most. ``seq`` stands for a number that differs from message to message; ``event``
        is looked at where an upstream hashes by fields.
        """
    def explain(self, event: bytes, query: str, headers: Sequence[tuple[str, str]]) -> bytes:
        """Where a message goes and why, as JSON: by its CloudEvent and the request that brings it.

        Raises ``ValueError`` if it is no event of a gateway.
        """
    @staticmethod
    def refusal(code: str) -> tuple[int, str, bytes]:
        """``(status, content_type, body)`` of the refusal for one of wxgate's own codes."""
    def accounts(self) -> list[tuple[str, str]]:
        """``(name, kind)`` of the accounts, in the order of the configuration."""
    def needs_source(self) -> tuple[bool, bool]:
        """Whether a limit counts by the address of the sender, and so asks for ``peer``.

        And whether it asks for ``X-Forwarded-For`` among the headers, too.
        """
    def warm_as(self, before: Gateway) -> None:
        """Has limits that warm up go on from where they were in the one whose place this takes."""
    def has_paces(self) -> bool:
        """Whether there are limits under which messages are delivered."""
    def paces(self, event: bytes) -> list[tuple[bytes, int, int, int]]:
        """The limits under which a message is delivered, from its event; as ``Received.limits``."""
    def needs_headers(self, account: str) -> bool:
        """Whether the headers of requests to ``account`` are needed: to verify, or by a route."""

class JournalError(OSError):
    """The journal cannot do what it was asked; ``code`` is a stable name for why."""

    code: Literal["locked", "version", "poisoned", "full", "refusing", "key", "corrupt", "invalid"]

@final
class JournalReader:
    """Reads a journal without a lock and without writing, also while a gateway writes.

    ``dir`` holds the folders of the workers, or is one of them; ``key`` opens what is sealed.
    Raises ``FileNotFoundError`` if no journal is there, ``ValueError`` for a key of other than 32
    bytes. Its methods raise ``JournalError``: ``key`` if sealed under another key, ``version``.
    """

    def __new__(
        cls,
        dir: str | PathLike[str],  # noqa: A002 (as in the configuration)
        key: bytes | None = None,
    ) -> JournalReader: ...
    def find(
        self,
        *,
        openid: str | None = None,
        since: int | None = None,
        until: int | None = None,
        type: str | None = None,  # noqa: A002 (as in the event)
        account: str | None = None,
        id: str | None = None,  # noqa: A002 (as in the event)
        limit: int = 100,
        oldest_first: bool = False,
    ) -> list[Stored]:
        """Messages in the order of their acceptance, the newest first unless ``oldest_first``.

        ``since`` (included) and ``until`` (not included) are in milliseconds since 1970.
        """
    def get(self, folder: str, seq: int) -> Stored | None:
        """Message ``seq`` of the worker whose folder is named ``folder``."""
    def verify(self) -> dict[str, Any]:
        """Read every record; damage is in the report, ``sound`` its summary."""
    def stats(self) -> dict[str, Any]:
        """Count what is kept and what waits, by destination."""

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
    def id(self) -> str:
        """The idempotency key. Only an event has this and the following."""
    @property
    def claim_key(self) -> bytes:
        """What its claim is kept under, in every store: 16 bytes."""
    @property
    def event(self) -> bytes:
        """The CloudEvent, as JSON."""
    @property
    def account(self) -> str:
        """The account's name."""
    @property
    def tenant(self) -> str:
        """Who shares the gateway with others: the account, or one of those a platform serves."""
    @property
    def subject(self) -> str | None:
        """The user, or Pay's order, where there is one."""
    @property
    def type(self) -> str:
        """The CloudEvents type."""
    @property
    def key(self) -> str:
        """The routing key."""
    @property
    def destinations(self) -> list[tuple[int, list[int], bool]]:
        """Where it goes: ``(place, nodes, wait)`` by index, the chosen node first."""
    def is_of(self, gateway: Gateway) -> bool:
        """Whether ``gateway`` is the one that made this event."""
    def reply(self, spec: bytes, now: int) -> tuple[int, str, bytes, str | None]:
        """Turn a service's answer into ``(status, content_type, body, code)``.

        Without a reply that is the acknowledgement; if ``spec`` is not a reply, ``code`` says why.
        Sealed with the keys of the gateway that made the event.
        """
    @property
    def lifetime(self) -> int:
        """How long a repetition has to be recognised, in milliseconds."""
    def level(self, epoch: int) -> int:
        """How important it is when there is too much to do: 0 most, 639 least.

        128 levels for each class, by the user; ``epoch`` changes whose turn it is.
        """
    @property
    def waits(self) -> bool:
        """Whether an answer is waited for."""
    @property
    def nonce(self) -> tuple[str, int] | None:
        """A nonce that must be new, and until when to remember it, in milliseconds."""
    @property
    def limits(self) -> tuple[tuple[bytes, int, int, int], ...]:
        """The rates that it falls under: ``(key, interval, tolerance, rule)``, spans in µs."""
    @property
    def limit_keys(self) -> tuple[bytes, ...]:
        """The keys of these rates, in their order."""
    @property
    def limit_terms(self) -> bytes:
        """The rest of them as one text, the same for all messages under the same rules."""
    @property
    def rules(self) -> list[int]:
        """The indexes of all limits that it falls under."""
    @property
    def takes_places(self) -> bool:
        """Whether a limit of concurrency is among them."""
    @property
    def prescribed(self) -> bool:
        """Whether the answer is prescribed, whatever the destinations say."""

def decide(tat: int | None, interval: int, tolerance: int, now: int) -> tuple[int | None, int]:
    """Decide on one message: ``(tat, 0)`` if it passes, ``(None, wait)`` if not for ``wait`` µs.

    ``tat`` is what was returned for the key before; all times are in microseconds. What the stores'
    scripts must agree with. Raises ``ValueError`` for what is out of range.
    """

@final
class Limits:
    """The limits of one process: what its messages have used up.

    At most ``capacity`` keys are remembered; ``parts`` is among how many processes or nodes each
    limit is divided. ``now`` is in microseconds of a steady clock.
    """

    def __new__(cls, capacity: int, parts: int = 1) -> Self: ...
    def admit(self, message: Received, now: int) -> tuple[int, int] | None:
        """Let a message pass all its limits; else which rule denies it, and for how many µs."""
    def hold(self, message: Received) -> tuple[int, int] | None:
        """Have a message take its places under limits of concurrency, all or none; as ``admit``."""
    def note(self, message: Received, now: int) -> None:
        """Note that its rates let it pass elsewhere, for when these limits have to decide alone."""
    def leave(self, message: Received) -> None:
        """Free the places of a message under limits of concurrency."""
    def acquire(
        self, limits: Sequence[tuple[bytes, int, int, int]], now: int
    ) -> tuple[int, int] | None:
        """Let something pass limits as ``Received.limits`` has them, all or none.

        Else the place of the first that denies it, and for how many µs.
        """
    @property
    def crowded(self) -> int:
        """How many decisions had to be made for several keys together, for want of room."""
    def __len__(self) -> int: ...

@final
class Limiter:
    """A rate limit by key: ``burst`` at once, then ``rate`` (``"5/s"``, ``"100/min"``).

    Exact, and bounded by ``capacity`` keys: what has no room shares one place. Raises
    ``ValueError`` for what is no rate, or a burst that takes more than a year to come back.
    """

    def __new__(cls, rate: str, burst: int = 1, *, capacity: int = 100_000) -> Self: ...
    def acquire(self, key: str, now: int, cost: int = 1) -> int:
        """Let ``cost`` messages of ``key`` pass, all or none: 0, or the µs to wait.

        ``now`` is in microseconds of a steady clock: ``time.monotonic_ns() // 1000``.
        """
    def __len__(self) -> int: ...

@final
class Claims:
    """The claims of one process, bounded by their number and by the bytes of the answers kept."""

    def __new__(cls, capacity: int, answer_bytes: int, now: int) -> Self: ...
    def claim(self, message: Received, now: int) -> bytes | bool:
        """Ask for a message at ``now`` (ms).

        ``True`` if it is new, and the asker's from now on; ``False`` if somebody has it; the answer
        kept for it, or ``b""``, if it is done.
        """
    def complete(self, messages: list[Received], now: int) -> None:
        """The messages are done at ``now`` (ms), and need no more than an acknowledgement."""
    def answer(self, message: Received, answer: bytes, now: int) -> tuple[bytes, int]:
        """The message is done at ``now`` (ms), with ``answer`` for whoever sends it again.

        Returns the key and the end of its life (ms), by which the journal keeps them.
        """
    def abandon(self, message: Received) -> None:
        """The message was not taken after all: its next try is new."""
    def pending(self, message: Received, now: int) -> None:
        """The message is on disk at ``now`` (ms) and its answer still to come.

        A lease of one's own process does not expire; a store that is shared has to know.
        """
    def lease(self, message_id: str, until: int) -> bytes:
        """Take a message that is on disk, but unfinished; in a shared store until ``until``.

        Returns its key.
        """
    def restore(self, key: bytes, until: int, answer: bytes) -> None:
        """A message is done until ``until`` (ms): as a journal remembers, or at last."""
    def done(self, part: int = 0, parts: int = 1) -> list[tuple[bytes, int, bytes]]:
        """What is done, in one of ``parts`` equal parts: key, end of life (ms), answer."""
    @property
    def dropped(self) -> int:
        """How many claims and answers were dropped before their time, for want of room."""
    def __len__(self) -> int: ...

@final
class SharedClaims:
    """The claims of the workers of a machine: as ``Claims``, but that a lease ends by itself.

    ``memory`` are words that all of them have mapped, ``lock`` the path of a file that each of them
    locks while it looks at them. Whatever looks raises ``OSError`` if the lock cannot be had.
    """

    def __new__(cls, memory: memoryview, lock: str, capacity: int, answer_bytes: int) -> Self: ...
    @staticmethod
    def size(capacity: int, answer_bytes: int) -> int:
        """Bytes of memory for so many claims and bytes of answers, all zero at first."""
    def claim(self, message: Received, now: int) -> bytes | bool:
        """Ask for a message at ``now`` (ms): as ``Claims.claim``."""
    def complete(self, messages: list[Received], now: int) -> None:
        """The messages are done at ``now`` (ms), and need no more than an acknowledgement."""
    def lease(self, key: bytes, until: int) -> None:
        """Take a message that is on disk, but unfinished, until ``until`` (ms)."""
    def abandon(self, message: Received) -> None:
        """The message was not taken after all: its next try is new."""
    def restore(self, key: bytes, until: int, answer: bytes) -> None:
        """A message is done until ``until`` (ms), with ``answer`` for whoever sends it again."""
    def done(self, part: int = 0, parts: int = 1) -> list[tuple[bytes, int, bytes]]:
        """What is done, in one of ``parts`` equal parts: key, end of life (ms), answer."""
    @property
    def dropped(self) -> int:
        """How many claims and answers were dropped before their time, for want of room."""
    def __len__(self) -> int: ...

@final
class Journal:
    """A worker's journal: messages are on disk before their senders are told so."""

    def __new__(cls, folder: str, options: bytes, key: bytes | None, now: int) -> Self:
        """Open or create a journal at ``now`` (ms), with the exclusive lock of its folder.

        ``options`` is JSON: ``segment_bytes``, ``durability`` (``"buffer"``, ``"data"``,
        ``"full"``), ``max_bytes``, ``retain_ms``, ``retain_bytes`` and ``destinations`` (names, by
        their indexes). ``key`` (32 bytes) seals at rest. Raises ``JournalError``, or ``ValueError``
        for the options.
        """
    def extend(self, names: Sequence[str]) -> list[int]:
        """Return the indexes of destinations by name; new names are given the next ones.

        Raises ``JournalError`` if there are too many.
        """
    def fileno(self) -> int:
        """A descriptor that becomes readable after each commit; ``progress`` empties it."""
    def append(self, messages: list[Received], now: int) -> int:
        """Queue messages at ``now`` (ms), without waiting; return the number of the first.

        They are on disk once ``progress`` says so. Raises ``JournalError``; then none is queued.
        """
    def progress(self) -> tuple[int, list[tuple[int, int]], str]:
        """What is durable: every message up to the number, but for ranges that failed since.

        And the state: ``"open"``, ``"refusing"``, ``"poisoned"`` or ``"closed"``.
        """
    def settle(self, destination: int, seqs: Sequence[int]) -> None:
        """Note that a destination has taken messages, or given them up."""
    def advance(self, destination: int, cursor: int) -> None:
        """Note how far a destination has considered messages."""
    def read(
        self, destination: int, after: int, limit: int, max_bytes: int
    ) -> tuple[list[Stored], int]:
        """Messages behind ``after`` that a destination has not settled; and how far it looked.

        In order, at most ``limit`` of them, and ``max_bytes`` but for the first. Raises
        ``JournalError``.
        """
    def remember(self, key: bytes, until: int, answer: bytes) -> None:
        """Keep an answer for retries: ``key`` and ``until`` as ``Claims.answer`` gave them."""
    def claims(self) -> list[tuple[bytes, int, bytes]]:
        """The claims of earlier processes, once: key, end of life (ms), answer or ``b""``."""
    def orphans(self) -> list[str]:
        """Destinations that messages are kept for and that the options do not name."""
    def stats(self) -> dict[str, Any]:
        """Figures: of the files, of what waits, of what was found at the start."""
    def close(self) -> None:
        """Write what waits, durably, and let the folder go."""

def bulks(words: Sequence[bytes], prefix: bytes) -> bytes:
    """Write the words of a Redis command, each after ``prefix``, as they go over the wire.

    The line's end stands before a word and not behind it, so that what follows may be constant.
    """
