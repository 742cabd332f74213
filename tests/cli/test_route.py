"""`wxgate route explain`: what it says of routes, nodes and their health, and its exit codes."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from wxgate.cli import main

from .segments import Message, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeAlias

    Run: TypeAlias = Callable[..., tuple[int, str, str]]

CONFIG = """
[server]
admin = "127.0.0.1:{admin}"
[journal]
dir = "{dir}"
[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"
[account.mch]
kind = "pay_v2"
mchid = "1900000001"
key = "env:V2_KEY"
[upstream.orders]
nodes = [
    {{ url = "http://127.0.0.1:9001", name = "a" }},
    {{ url = "http://127.0.0.1:9002", name = "b" }},
]
hash = "field:Region"
[[route]]
when = {{ account = "shop", content = "^退款" }}
to = "log:"
[[route]]
when = {{ header = {{ x-env = "canary" }} }}
to = "python:team:canary"
[[route]]
when = {{ account = "shop", type = "text" }}
to = "upstream:orders"
reply = "wait"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command: exit code, output, and what it says of errors."""
    monkeypatch.setenv("TOKEN", "QDG6eK")
    monkeypatch.setenv("AES_KEY", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
    monkeypatch.setenv("V2_KEY", "192006250b4c09247ec02edce69f6a2d")
    path = tmp_path / "wxgate.toml"

    def runner(*words: str, admin: int = 1) -> tuple[int, str, str]:
        path.write_text(CONFIG.format(dir=tmp_path / "journal", admin=admin), encoding="utf-8")
        code = main(["route", "explain", "--config", str(path), *words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return runner


def test_it_names_what_does_not_hold_and_where_it_goes(run: Run) -> None:
    """Route by route, then node by node."""
    code, out, _ = run("--account", "shop", "--field", "Content=hi", "--field", "Region=north")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "wechat.official.text to shop (official), key oUser"
    assert lines[1] == 'route[0] to log:: no, when.content wants ^退款, and there is "hi"'
    assert lines[2].endswith("no, when.header.x-env wants canary, and there is nothing")
    assert lines[3] == "route[2] to upstream:orders: takes it, and is waited for"
    assert lines[4] == '  hash field:Region of "north"'
    assert sorted(line[5] for line in lines[5:]) == ["a", "b"]


def test_tags_of_the_request_count(run: Run) -> None:
    """Which only a request has."""
    code, out, _ = run("--account", "shop", "--header", "X-Env=canary", "--json")
    found = json.loads(out)
    assert code == 0
    assert [route["to"] for route in found["routes"]] == ["log:", "python:team:canary"]
    assert found["routes"][-1]["fails"] is None


def test_without_its_fields_it_goes_by_the_user(run: Run) -> None:
    """And that is said."""
    _, out, _ = run("--account", "shop", "--openid", "oAnother")
    assert 'of "oAnother", by its key for want of these fields' in out


def test_what_no_route_takes_is_a_problem(run: Run) -> None:
    """It would be sent again and again."""
    code, out, _ = run("--account", "mch", "--type", "transaction")
    assert code == 1
    assert out.splitlines()[-1].startswith("no route takes it")


def test_a_message_of_the_journal(run: Run, tmp_path: Path) -> None:
    """By its place or its id."""
    event = {
        "id": "shop:m:1",
        "source": "/wxgate/shop",
        "type": "wechat.official.text",
        "partitionkey": "oUser",
        "data": {"MsgType": "text", "Content": "退款"},
    }
    segment = Segment()
    segment.checkpoint(("log:",))
    segment.message(Message(1, 1_795_514_400_000, json.dumps(event).encode()))
    segment.save(tmp_path / "journal" / "00")
    code, out, _ = run("00/1")
    assert (code, "route[0] to log:: takes it" in out) == (0, True)
    code, _, error = run("00/2")
    assert (code, "no such message" in error) == (2, True)
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    assert run("--event", str(path))[1] == out
    path.write_text("{}")
    assert run("--event", str(path))[0] == 2


@pytest.mark.parametrize("words", [(), ("--account", "nobody")])
def test_an_account_is_needed(run: Run, words: tuple[str, ...]) -> None:
    """One of the file's."""
    code, _, error = run(*words)
    assert (code, "expected one of shop, mch" in error) == (2, True)


@contextmanager
def operator(report: Any) -> Iterator[int]:
    """A running gateway's listener, as far as this command asks it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                body = json.dumps(report).encode()
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_running_gateway_tells_how_its_nodes_stand(run: Run) -> None:
    """As the worker sees it that answers."""
    nodes = [{"name": "a", "state": "ejected"}, {"name": "b", "state": "up"}]
    with operator({"destinations": [{"name": "upstream:orders", "nodes": nodes}]}) as port:
        _, out, _ = run("--account", "shop", "--json", admin=port)
    (choice,) = [route["choice"] for route in json.loads(out)["routes"] if route["choice"]]
    assert {node["name"]: node["state"] for node in choice["nodes"]} == {"a": "ejected", "b": "up"}
