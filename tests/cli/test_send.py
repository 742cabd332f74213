"""`wxgate send` against a real gateway: what it prints, and the exit code that a script reads."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from wxgate.cli import main
from wxgate.sim.demo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from wxgate.sim.demo.world import World

    from .conftest import Arrived

    Send: TypeAlias = Callable[..., tuple[int, Any]]


@pytest.fixture
def send(world: World, capsys: pytest.CaptureFixture[str]) -> Send:
    """Call the command; return the exit code, and the report or what was printed."""

    def call(*words: str, json: bool = True) -> tuple[int, Any]:
        more = ["--json"] if json else []
        code = main(["send", *words, "--config", str(world.config), *more])
        out, err = capsys.readouterr()
        return code, msgspec.json.decode(out) if json and out else out + err

    return call


def key(world: World, account: str) -> str:
    """The file that holds the other side's private key."""
    return str(world.config.with_name(f"{account}.key"))


def test_a_reply_comes_back_opened(send: Send, arrived: Arrived) -> None:
    """Sealed on the wire, readable here; the service got the very text."""
    code, report = send("shop", "text", "你好")
    assert code == 0
    (tried,) = report["tries"]
    assert (tried["status"], tried["ok"]) == (200, True)
    assert tried["reply"]["Content"] == "收到: 你好"
    assert tried["reply"]["ToUserName"] == report["message"]["fields"]["FromUserName"]
    assert arrived()[-1].text == "你好"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["mini", "text"], "reply transfer_customer_service"),
        (["work", "text", "加班"], "reply text 「收到: 加班」"),
        (["work", "event", "enter_agent"], "an empty body"),
        (["bot", "text", "在吗"], "reply stream 「收到: 在吗」"),
        (["suite", "suite_ticket"], "success"),
        (["platform", "component_verify_ticket"], "success"),
        (["platform", "text", "hi", "--authorizer", "wx00"], "reply text 「收到: hi」"),
        (["shop", "event", "xpay_goods_deliver_notify"], "<xml><Errcode>0</Errcode>"),
        (["mch_v2", "pay"], "SUCCESS OK"),
        (["mch_v2", "refund"], "SUCCESS OK"),
        (["shop", "url"], "echo "),
        (["bot", "url"], "echo "),
        (["suite", "url"], "echo "),
    ],
)
def test_every_kind_is_satisfied_in_its_own_way(send: Send, words: list[str], answer: str) -> None:
    """An acknowledgement, a sealed reply, an echo."""
    code, report = send(*words)
    assert code == 0
    assert report["tries"][0]["text"].startswith(answer)


def test_pay_needs_the_key_that_only_wechat_pay_has(
    send: Send, world: World, arrived: Arrived
) -> None:
    """A file of it plays any notice; without one there is a hint, and exit code 2."""
    code, report = send("mch", "pay", "REFUND.SUCCESS", "--platform-key", key(world, "mch"))
    assert (code, report["tries"][0]["text"]) == (0, "SUCCESS 成功")
    assert arrived()[-1].type == "wechat.pay.refund.success"
    code, shown = send("mch", "pay")
    assert code == 2
    assert "--platform-key FILE" in shown
    other = ["--serial", "PUB_KEY_ID_OTHER"]
    assert send("mch", "pay", "--platform-key", key(world, "mch"), *other)[0] == 1


def test_a_partner_needs_its_own_key(send: Send, world: World) -> None:
    """As a file, too."""
    assert send("billing", "partner", "--private-key", key(world, "billing"))[0] == 0
    assert send("billing", "partner", "--private-key", "gone.key") == (
        2,
        "gone.key cannot be read: No such file or directory\n",
    )
    assert send("billing", "partner", "--private-key", str(world.config))[0] == 2


def test_retries_are_the_same_message_again(send: Send, arrived: Arrived) -> None:
    """The service sees one id as often as there were tries."""
    before = len(arrived())
    code, report = send("shop", "text", "--retry", "2")
    assert code == 0
    assert [tried["ok"] for tried in report["tries"]] == [True] * 3
    assert {event.id for event in arrived()[before:]} == {arrived()[-1].id}


def test_fields_and_user_can_be_chosen(send: Send, arrived: Arrived) -> None:
    """As often as wanted."""
    words = ["--openid", "oMe", "--field", "EventKey=menu_7", "--field", "New=1"]
    assert send("shop", "event", "CLICK", *words)[0] == 0
    assert arrived()[-1].openid == "oMe"
    assert (arrived()[-1].data["EventKey"], arrived()[-1].data["New"]) == ("menu_7", "1")


def test_a_forgery_that_is_refused_is_a_success(send: Send, world: World, arrived: Arrived) -> None:
    """Nothing of it arrives; the cause is named here, since the answer does not."""
    before = len(arrived())
    code, report = send("shop", "text", "--forge", "wrong-receiver")
    assert code == 0
    assert report["forgery"] == {"name": "wrong-receiver", "code": "open.wrong_receive_id"}
    assert (report["tries"][0]["status"], len(arrived())) == (403, before)
    words = ["--private-key", key(world, "billing"), "--forge", "replayed"]
    code, report = send("billing", "partner", *words)
    assert code == 0
    assert [tried["forged"] for tried in report["tries"]] == [False, True]
    assert [tried["status"] for tried in report["tries"]] == [200, 403]
    assert len(arrived()) == before + 1


@pytest.mark.parametrize("forgery", ["doubled-parameter", "oversized"])
def test_forgeries_survive_the_http_client(send: Send, world: World, forgery: str) -> None:
    """Doubled headers arrive doubled; a body over the limit gets its answer."""
    words = ["mch", "pay", "--platform-key", key(world, "mch"), "--forge", forgery]
    code, report = send(*words)
    assert (code, report["tries"][0]["status"]) == (0, 413 if forgery == "oversized" else 403)


@pytest.fixture
def careless() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """An endpoint that verifies nothing, and the answers that it is going to give."""
    answers: list[tuple[int, bytes]] = []

    class Careless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Careless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("answer", [(200, b"success"), (503, b""), (302, b"")])
def test_a_forgery_that_is_not_refused_is_a_failure(
    send: Send, careless: tuple[str, list[tuple[int, bytes]]], answer: tuple[int, bytes]
) -> None:
    """A 503 says that it would have been taken, had there been room."""
    base, answers = careless
    answers.append(answer)
    code, report = send("shop", "text", "--forge", "bit-flip", "--url", base)
    assert (code, report["ok"]) == (1, False)
    answers.append(answer)
    shown = send("shop", "text", "--forge", "bit-flip", "--url", base, json=False)[1]
    assert shown.endswith("not refused, though one character of the content changed\n")


@pytest.mark.parametrize(
    ("words", "answer", "text"),
    [
        (["shop", "text"], (500, b"oops\n"), "HTTP 500: oops"),
        (["shop", "text"], (200, b"<html></html>"), "no reply that opens"),
        (["shop", "text"], (200, b'"success"'), "no reply that opens"),
        (["shop", "text"], (200, b"<xml><Encrypt>AAAA</Encrypt></xml>"), "no reply that opens"),
        (["suite", "suite_ticket"], (200, b""), "an empty body"),
        (["shop", "event", "xpay_coin_pay_notify"], (200, b'{"ErrCode":1}'), '{"ErrCode":1}'),
        (["mch_v2", "pay"], (200, b"success"), "success"),
        (["mch_v2", "pay"], (403, b""), "HTTP 403: an empty body"),
    ],
)
def test_what_wechat_would_not_accept(
    send: Send,
    careless: tuple[str, list[tuple[int, bytes]]],
    words: list[str],
    answer: tuple[int, bytes],
    text: str,
) -> None:
    """Each kind has its own acknowledgement; another's is not good enough."""
    base, answers = careless
    answers.append(answer)
    code, report = send(*words, "--url", base)
    assert code == 1
    assert report["tries"][0]["text"].startswith(text)


def test_nobody_answers(send: Send) -> None:
    """Exit code 1, and the system's reason."""
    code, report = send("shop", "text", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 1
    assert report["tries"][0]["status"] is None
    assert "refused" in report["tries"][0]["text"].lower()
    code, shown = send("shop", "text", "--url", f"http://127.0.0.1:{free_port()}", json=False)
    assert code == 1
    assert shown.endswith("WeChat would send it again\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["shpo", "text"], 'there is no account "shpo"; the configuration has: shop, mini'),
        (["shop", "pay"], 'no "pay" is sent to shop, of kind official; it is sent: text, image'),
        (["shop", "text", "--forge", "magic"], 'no forgery "magic"; there are: bad-signature'),
        (["shop", "text", "--url", "shop.example.com"], "--url: expected an address"),
    ],
)
def test_wrong_usage_exits_with_2(send: Send, words: list[str], reason: str) -> None:
    """And names what there is."""
    code, shown = send(*words)
    assert code == 2
    assert shown.startswith(reason)


@pytest.mark.parametrize("words", [["--field", "novalue"], ["--retry", "-1"], ["--retry", "x"]])
def test_options_that_cannot_be_read(send: Send, words: list[str]) -> None:
    """The parser refuses them."""
    with pytest.raises(SystemExit) as left:
        send("shop", "text", *words)
    assert left.value.code == 2


def test_it_reads_well(send: Send, world: World) -> None:
    """Four lines: what, where, the try, and what WeChat makes of it."""
    code, shown = send("shop", "text", "你好", json=False)
    assert code == 0
    what, where, tried, verdict = shown.splitlines()
    assert what == "shop (official) ← text 「你好」"
    assert where == f"to {world.url}/cb/shop"
    assert tried.startswith("try 1  200 ")
    assert tried.endswith(" ms  reply text 「收到: 你好」")
    assert verdict == "WeChat is satisfied"
    shown = send("shop", "event", "SCAN", "--forge", "stale", json=False)[1]
    assert shown.endswith("refused; logs and metrics call it request.stale\n")


def test_no_secret_is_printed(send: Send, world: World) -> None:
    """Neither for people nor for programs."""
    names = ("token", "aes_key", "apiv3_key", "v2_key", "app_secret")
    secrets = [Path(world.config.parent, name).read_text() for name in names]
    shown = "".join(
        str(send(*words, json=json)[1])
        for words in (["shop", "text"], ["mch_v2", "pay"], ["shop", "text", "--forge", "stale"])
        for json in (True, False)
    )
    assert not any(secret in shown for secret in secrets)
