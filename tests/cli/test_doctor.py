"""`wxgate doctor`: what it finds, what it makes of it, and that it keeps secrets."""

from __future__ import annotations

import datetime as dt
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from wxgate.cli import main
from wxgate.sim.demo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    Diagnose: TypeAlias = Callable[..., tuple[int, dict[str, dict[str, Any]]]]

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SECRETS = {
    "TOKEN": "SentinelToken",
    "AES_KEY": "SentinelAesKeyabcdefghijklmnopqrstuvwxyz012",
    "APIV3_KEY": "SentinelApiv3Key0123456789abcdef",
}
DAY = dt.timedelta(days=1)


def certificate(serial: int, owner: str = "Tenpay.com Root CA", days: int = 365) -> str:
    """A certificate that ends in so many days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(KEY.public_key()).serial_number(serial)
    builder = builder.not_valid_before(now - 1000 * DAY).not_valid_after(now + days * DAY)
    pem = builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return pem.decode()


@pytest.fixture
def node() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def diagnose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Diagnose:
    """Run the command on a configuration; return the exit code and the findings by subject."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(text: str, **files: str) -> tuple[int, dict[str, dict[str, Any]]]:
        for name, content in files.items():
            (tmp_path / f"{name}.pem").write_text(content)
        (tmp_path / "wxgate.toml").write_text(text)
        main(["doctor"])
        table = capsys.readouterr().out
        code = main(["doctor", "--json"])
        out = capsys.readouterr().out
        for secret in SECRETS.values():
            assert secret not in out + table
        findings = msgspec.json.decode(out)
        assert len(table.splitlines()) == len(findings)
        return code, {finding["subject"]: finding for finding in findings}

    return run


def server(more: str = "", route: str = "log:") -> str:
    """A configuration on free ports."""
    return (
        f'[server]\nlisten = "127.0.0.1:{free_port()}"\nadmin = "127.0.0.1:{free_port()}"\n'
        f'[account.shop]\nkind = "official"\nappid = "wx1"\ntoken = "env:TOKEN"\n'
        f'aes_key = "env:AES_KEY"\n{more}\n[[route]]\nto = "{route}"\n'
    )


def pay(serial: str) -> str:
    """A merchant with one platform key."""
    return (
        '\n[account.mch]\nkind = "pay"\nmchid = "1900000001"\napiv3_key = "env:APIV3_KEY"\n'
        f'platform_keys = {{ "{serial}" = "file:key.pem" }}\n'
    )


def test_a_sound_configuration_has_nothing_that_fails(diagnose: Diagnose, node: int) -> None:
    """Keys are counted, the service is reached, the ports are free."""
    code, found = diagnose(server(route=f"http://127.0.0.1:{node}"))
    assert code == 0
    assert "1 AES key(s) of 43 characters" in found["account shop"]["found"]
    assert "wx1" in found["account shop"]["found"]
    assert found[f"http://127.0.0.1:{node}"]["verdict"] == "ok"
    assert found["clock"]["verdict"] in {"ok", "warn", "unknown"}


def test_plain_mode_is_warned_of(diagnose: Diagnose) -> None:
    """It works, but it is not safe."""
    code, found = diagnose(server('mode = "plain"'))
    assert (code, found["account shop"]["verdict"]) == (0, "warn")
    assert found["account shop"]["setting"] == "account.shop.mode"


@pytest.mark.parametrize(
    ("serial", "owner", "days", "verdict", "word"),
    [
        (0xABCDEF, "Tenpay.com", 365, "ok", "certificate, RSA-2048"),
        (0xABCDEF, "Tenpay.com", 7, "warn", "until"),
        (0xABCDEF, "Tenpay.com", -1, "fail", "not valid"),
        (0xABCDEF, "1900000001", 365, "warn", "merchant's own"),
    ],
)
def test_a_certificate_is_read(
    diagnose: Diagnose, serial: int, owner: str, days: int, verdict: str, word: str
) -> None:
    """Kind, size, end and owner."""
    code, found = diagnose(server() + pay("ABCDEF"), key=certificate(serial, owner, days))
    finding = found["account mch ABCDEF"]
    assert (finding["verdict"], code) == (verdict, int(verdict == "fail"))
    assert word in finding["found"]


def test_a_serial_that_is_not_the_certificates_names_both(diagnose: Diagnose) -> None:
    """Which is what an operator mixes up."""
    code, found = diagnose(server() + pay("ABCDEF"), key=certificate(0x123456))
    finding = found["account mch ABCDEF"]
    assert (code, finding["verdict"]) == (1, "fail")
    assert "123456" in finding["found"]
    assert finding["expected"] == "ABCDEF"


def test_a_public_key_goes_by_its_id(diagnose: Diagnose) -> None:
    """It has no serial, and no end."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = KEY.public_key().public_bytes(encoding, form).decode()
    code, found = diagnose(server() + pay("PUB_KEY_ID_1"), key=pem)
    assert (code, found["account mch PUB_KEY_ID_1"]["verdict"]) == (0, "ok")
    code, found = diagnose(server() + pay("ABCDEF"), key=pem)
    assert (code, found["account mch ABCDEF"]["verdict"]) == (1, "fail")


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ("http://127.0.0.1:{port}", "nobody listens"),
        ("python:no_such_module:f", "ModuleNotFoundError"),
        ("python:json:loads", "no async function"),
    ],
)
def test_a_destination_that_is_not_there_fails(diagnose: Diagnose, route: str, found: str) -> None:
    """And names the route."""
    to = route.format(port=free_port())
    code, findings = diagnose(server(route=to))
    assert (code, findings[to]["setting"]) == (1, "route[0].to")
    assert found in findings[to]["found"]


def test_a_taken_port_fails(diagnose: Diagnose, node: int) -> None:
    """Unless a wxgate has it."""
    text = server()
    listen = text.split('"')[1]
    code, found = diagnose(text.replace(listen, f"127.0.0.1:{node}", 1))
    assert (code, found[f"127.0.0.1:{node}"]["setting"]) == (1, "server.listen")


def test_a_configuration_that_cannot_be_used_is_wrong_usage(diagnose: Diagnose) -> None:
    """As for every command."""
    with pytest.raises(msgspec.DecodeError):
        diagnose("[server]\nlisten = 1\n")
    assert main(["doctor"]) == 2
