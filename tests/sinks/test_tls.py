"""Delivery over TLS: who proves to be the named service gets the event, nobody else."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from wxgate.errors import SinkRetryError
from wxgate.sinks.http import HttpSink

from .peer import Peer, Say, http

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Run

x509 = pytest.importorskip("cryptography.x509")
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's, for 127.0.0.1 and localhost, by an authority that the system trusts."""
    context, certificate = make(tmp_path, ["localhost"], ["127.0.0.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return context


def make(
    folder: Path, names: list[str], addresses: list[str], days: int = 1
) -> tuple[ssl.SSLContext, Path]:
    """A self-signed certificate that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a service")])
    start = datetime.now(UTC) - timedelta(days=3)
    alternatives = [x509.DNSName(one) for one in names]
    alternatives += [x509.IPAddress(ip_address(one)) for one in addresses]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3 + days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, secret = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return context, file


def test_an_event_over_tls(run: Run, identity: ssl.SSLContext) -> None:
    """With the name that is meant, and on a connection that is kept."""
    meant: list[str | None] = []
    identity.sni_callback = lambda _socket, name, _context: meant.append(name)

    async def go() -> None:
        answers = [Say(http(200, b"reply")), Say(http(200, b"x" * 200_000)), Say(http(503))]
        async with Peer(answers, tls=identity) as peer:
            sink = HttpSink([peer.url.replace("127.0.0.1", "localhost")])
            assert await sink.deliver(b"{}", (0,)) == b"reply"
            assert await sink.deliver(b"x" * 500_000, (0,)) == b"x" * 200_000
            with pytest.raises(SinkRetryError, match="HTTP 503"):
                await sink.deliver(b"{}", (0,))
            assert peer.connections == 1
            assert peer.got[0].head.startswith(
                f"POST /hook HTTP/1.1\r\nhost: localhost:{peer.port}"
            )
            await sink.aclose()

    run(go())
    assert meant == ["localhost"]


def test_by_address(run: Run, identity: ssl.SSLContext) -> None:
    """The certificate names it."""

    async def go() -> None:
        async with Peer(tls=identity) as peer:
            sink = HttpSink([peer.url])
            await sink.deliver(b"{}", (0,))
            await sink.aclose()

    run(go())


@pytest.mark.parametrize("case", ["unknown authority", "another name", "expired"])
def test_who_cannot_prove_it_gets_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Neither event nor headers; the next in line takes over."""
    addresses = ["127.0.0.2"] if case == "another name" else ["127.0.0.1"]
    context, certificate = make(tmp_path, [], addresses, -1 if case == "expired" else 1)
    if case != "unknown authority":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def go() -> None:
        async with Peer(tls=context) as stranger, Peer() as next_in_line:
            sink = HttpSink([stranger.url, next_in_line.url])
            with pytest.raises(SinkRetryError, match=f"^{stranger.url}: certificate: \\w+"):
                await HttpSink([stranger.url]).deliver(b"{}", (0,))
            await sink.deliver(b"{}", (0, 1))
            assert stranger.got == []
            assert len(next_in_line.got) == 1
            await sink.aclose()

    run(go())


def test_a_service_that_does_not_speak_tls(run: Run) -> None:
    """It gets no event in the clear."""

    async def go() -> None:
        async with Peer([Say(http(200))]) as plain:
            sink = HttpSink([plain.url.replace("http:", "https:")], timeout=0.5)
            with pytest.raises(SinkRetryError):
                await sink.deliver(b"{}", (0,))
            assert plain.got == []
            await sink.aclose()

    run(go())


@pytest.mark.parametrize("then", ["close", "reset", "hang"])
def test_an_answer_over_tls_that_is_cut(run: Run, identity: ssl.SSLContext, then: str) -> None:
    """As without TLS."""
    half = http(200, b"hello")[:-1]
    say = {"close": Say(half, "close"), "reset": Say(half, "reset"), "hang": Say(half, "hang")}

    async def go() -> None:
        async with Peer([say[then]], tls=identity) as peer:
            sink = HttpSink([peer.url], timeout=0.5)
            with pytest.raises(SinkRetryError):
                await sink.deliver(b"{}", (0,))
            await sink.aclose()

    run(go())


def test_no_session_keys_are_written(
    run: Run, identity: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment asks for."""
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    test_by_address(run, identity)
    assert not keys.exists() or "CLIENT" not in keys.read_text()
