"""`wxgate doctor`: what it finds, what it makes of it, and that it keeps secrets."""

from __future__ import annotations

import datetime as dt
import http.server
import socket
import sys
import sysconfig
import threading
from importlib import import_module
from pathlib import Path
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
        ("python:no_such_module:f", "there is no module no_such_module"),
        ("python:doctored_needs:f", "there is no module no_such_module, which doctored_needs"),
        ("python:json:nothing", "there is no nothing in json"),
        ("python:json:__name__", "__name__ is no function"),
        ("python:doctored_exit:f", "SystemExit"),
        ("http://" + 70 * "a" + ".example", "nobody listens"),
    ],
)
def test_a_destination_that_is_not_there_fails(diagnose: Diagnose, route: str, found: str) -> None:
    """And names the route; whatever a module does, the doctor goes on."""
    Path("doctored_exit.py").write_text("raise SystemExit(3)\n")
    Path("doctored_needs.py").write_text("import no_such_module\n")
    to = route.format(port=free_port())
    code, findings = diagnose(server(route=to))
    assert (code, findings[to]["setting"]) == (1, "route[0].to")
    assert found in findings[to]["found"]


def test_a_plain_function_will_do(diagnose: Diagnose) -> None:
    """It runs in a thread."""
    code, found = diagnose(server(route="python:json:loads"))
    assert (code, found["python:json:loads"]["found"]) == (0, "a plain function")


def test_a_disk_with_too_little_room_is_told(diagnose: Diagnose, tmp_path: Path) -> None:
    """The journal is where it would be made; nothing is left there."""
    most = 1 << 60
    code, found = diagnose(server(f"[journal]\nmax_bytes = {most}\n"))
    place = found[str(tmp_path / "data/journal")]
    assert (code, place["verdict"], place["setting"]) == (0, "warn", "journal.max_bytes")
    assert not (tmp_path / "data").exists()


def test_what_a_module_prints_stays_out_of_the_findings(diagnose: Diagnose) -> None:
    """Else a program could not read them."""
    Path("doctored_loud.py").write_text('print("loud")\nasync def f(event): ...\n')
    code, found = diagnose(server(route="python:doctored_loud:f"))
    assert (code, found["python:doctored_loud:f"]["verdict"]) == (0, "ok")


def test_a_taken_port_fails(diagnose: Diagnose, node: int) -> None:
    """Unless a wxgate has it."""
    text = server()
    listen = text.split('"')[1]
    code, found = diagnose(text.replace(listen, f"127.0.0.1:{node}", 1))
    assert (code, found[f"127.0.0.1:{node}"]["setting"]) == (1, "server.listen")


def test_an_address_of_another_machine_fails(diagnose: Diagnose) -> None:
    """Nobody has taken it, and still it cannot be listened on."""
    text = server()
    code, found = diagnose(text.replace(text.split('"')[1], "203.0.113.9:8099", 1))
    assert (code, found["203.0.113.9:8099"]["setting"]) == (1, "server.listen")
    assert "cannot be listened on" in found["203.0.113.9:8099"]["found"]


def test_a_running_wxgate_may_keep_its_ports(diagnose: Diagnose, node: int) -> None:
    """It is known by the answer of its operator's page."""

    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(b"ok\n")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    text = server()
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as admin:
        threading.Thread(target=admin.serve_forever, daemon=True).start()
        text = text.replace(text.split('"')[1], f"127.0.0.1:{node}", 1)
        text = text.replace(text.split('"')[3], f"127.0.0.1:{admin.server_port}", 1)
        code, found = diagnose(text)
        admin.shutdown()
    assert code == 0
    assert found[f"127.0.0.1:{node}"]["found"] == "a wxgate is serving here"


@pytest.mark.parametrize(
    ("state", "verdict"), [(None, "unknown"), (0, "ok"), (1, "ok"), (5, "warn")]
)
def test_the_kernel_is_asked_about_the_clock(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch, state: int | None, verdict: str
) -> None:
    """What it does not say is not held against the operator."""
    monkeypatch.setattr(import_module("wxgate.doctor.clock"), "_adjtimex", lambda: state)
    code, found = diagnose(server())
    assert (code, found["clock"]["verdict"]) == (0, verdict)
    assert ("300 s" in found["clock"]["expected"]) == (verdict != "ok")


@pytest.mark.parametrize(
    ("arguments", "prefix", "verdict"),
    [
        ("'--enable-optimizations' '--with-lto'", "/opt/python", "ok"),
        ("'--enable-shared'", "/usr", "ok"),
        ("'--enable-shared'", "/opt/python", "warn"),
        (None, "/opt/python", "warn"),
    ],
)
def test_an_interpreter_without_a_profile_is_warned_of(
    diagnose: Diagnose,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str | None,
    prefix: str,
    verdict: str,
) -> None:
    """It works, but each message is dearer; what a distribution compiled is not doubted."""
    variable = sysconfig.get_config_var
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda n: arguments if n == "CONFIG_ARGS" else variable(n)
    )
    monkeypatch.setattr(sys, "base_prefix", prefix)
    code, found = diagnose(server())
    assert (code, found["interpreter"]["verdict"]) == (0, verdict)
    assert ("PGO" in found["interpreter"]["expected"]) == (verdict != "ok")


@pytest.mark.parametrize("readable", [True, False])
def test_a_partners_key_is_read(diagnose: Diagnose, *, readable: bool) -> None:
    """Each by its number, with its size."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = KEY.public_key().public_bytes(encoding, form).decode()
    broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    text = (
        '\n[account.bill]\nkind = "partner"\napp_id = "bill"\napp_secret = "env:APIV3_KEY"\n'
        'public_key = "file:key.pem"\n'
    )
    code, found = diagnose(server() + text, key=pem if readable else broken)
    finding = found["account bill public_key[0]"]
    assert (code, finding["verdict"]) == ((0, "ok") if readable else (1, "fail"))
    assert ("RSA-2048" in finding["found"]) == readable


def test_the_keys_of_apiv2_are_counted_too(diagnose: Diagnose) -> None:
    """With whom they are for."""
    text = '\n[account.old]\nkind = "pay_v2"\nmchid = "1900000001"\nkey = "env:APIV3_KEY"\n'
    code, found = diagnose(server() + text)
    assert code == 0
    told = "pay_v2 for 1900000001; 1 key(s) of 32 characters; no APIv3 key"
    assert found["account old"]["found"].startswith(told)


def test_a_configuration_that_cannot_be_used_is_wrong_usage(diagnose: Diagnose) -> None:
    """As for every command."""
    with pytest.raises(msgspec.DecodeError):
        diagnose("[server]\nlisten = 1\n")
    assert main(["doctor"]) == 2
