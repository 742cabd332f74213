"""What the documentation says is so: its examples load and run, its names and links exist."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import re
import shlex
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wxcore import Envelope, _wxcore
from wxgate import Gateway
from wxgate.cli import COMMANDS, main
from wxgate.dispatch import Board, NodeBoard
from wxgate.history import History
from wxgate.metrics import Counters, Layout
from wxgate.settings import core_blob, core_problems, load
from wxgate.settings.template import template
from wxgate.stores.redis.panel import Panel
from wxgate.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from servers.server import Server

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGES = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"))
)
READMES = [Path("README.md"), Path("README.zh-CN.md")]

TOKEN = "wxgateDocsToken"  # noqa: S105 (opens nothing)
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APPID = "wx0123456789abcdef"
ENVELOPE = Envelope(TOKEN, AES_KEY, APPID)

STAGES = re.findall(r'Self::\w+ => "(\w+)"', (ROOT / "crates/wxcore/src/stage.rs").read_text())
REPLY_PROBLEMS = re.findall(
    r'"(reply\.\w+)"', (ROOT / "crates/wxcore/src/reply/passive.rs").read_text()
)


def text_of(page: Path) -> str:
    """The text of a page."""
    return (ROOT / page).read_text()


def blocks(page: Path, language: str = "") -> list[str]:
    """The fenced blocks of a page in one language."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    return [code for name, code in found if name == language]


def all_blocks(language: str) -> list[Any]:
    """The blocks of all pages, as parameters that name their page."""
    return [
        pytest.param(code, id=f"{page}:{at}")
        for page in PAGES
        for at, code in enumerate(blocks(page, language))
    ]


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """A key for what the pages sign; made once, since that is slow."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory as the pages suppose it: a configuration, its secrets, a pair of keys."""
    (tmp_path / "wxgate.toml").write_text(blocks(READMES[0], "toml")[0])
    (tmp_path / "partner_key.pem").write_bytes(
        rsa_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (tmp_path / "partner.pem").write_bytes(
        rsa_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    monkeypatch.setenv("SHOP_AES_KEY", AES_KEY)
    return tmp_path


def environ_of(toml: str) -> dict[str, str]:
    """A fitting value for every variable that a configuration refers to."""
    names = re.findall(r'"env:(\w+)"', toml)
    return {name: AES_KEY if "AES_KEY" in name else TOKEN for name in names}


def message(content: str, msg_id: str) -> bytes:
    """A text message as 公众号 push it."""
    return (
        "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
        "<FromUserName><![CDATA[oABC0123456789]]></FromUserName>"
        "<CreateTime>1767225600</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId></xml>"
    ).encode()


async def push(gateway: Gateway, plain: bytes) -> bytes:
    """Play WeChat once over ASGI and return the opened reply, or the answer if it is not sealed."""
    now = str(int(time.time()))
    body, signature = ENVELOPE.seal(plain, timestamp=now, nonce="n")
    query = f"timestamp={now}&nonce=n&msg_signature={signature}".encode()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(part: Any) -> None:
        sent.append(part)

    scope = {"type": "http", "method": "POST", "path": "/cb/shop", "query_string": query}
    await gateway({**scope, "headers": []}, receive, send)
    start, answer = sent
    assert start["status"] == 200
    sealed = re.search(rb"<Encrypt><!\[CDATA\[(.*?)\]\]>", answer["body"])
    return ENVELOPE.decrypt(sealed[1].decode())[0] if sealed else bytes(answer["body"])


def module_at(path: Path) -> ModuleType:
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What the pages show.


@pytest.mark.parametrize("toml", all_blocks("toml"))
def test_every_configuration_loads(toml: str, desk: Path) -> None:
    """Python reads it and the core compiles it."""
    path = desk / "shown.toml"
    path.write_text(toml)
    for name in re.findall(r'"file:(secrets/\w+)"', toml):
        (desk / name).parent.mkdir(exist_ok=True)
        (desk / name).write_text(AES_KEY if "aes_key" in name else TOKEN)
    assert core_problems(load(path, environ_of(toml))) == []


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("code", all_blocks("python"))
def test_every_program_runs(code: str) -> None:
    """In a folder with the README's configuration, and a pair of keys."""
    exec(compile(code, "page", "exec"), {"__name__": "page"})  # noqa: S102 (our own pages)


@pytest.mark.parametrize("page", READMES)
def test_the_first_configuration_is_what_init_writes(page: Path, desk: Path) -> None:
    """Without the comments it is the same, so nobody starts twice."""
    (desk / "init.toml").write_text(template())
    (desk / "shown.toml").write_text(blocks(page, "toml")[0])
    assert load(desk / "shown.toml") == load(desk / "init.toml")
    assert len(blocks(page, "toml")[0].splitlines()) <= 20


@pytest.mark.parametrize("page", READMES)
def test_the_event_shown_is_the_one_that_is_written(page: Path, desk: Path) -> None:
    """Name by name and value by value, in the same order."""
    (shown,) = blocks(page, "json")
    core = _wxcore.Gateway(core_blob(load(desk / "wxgate.toml")))
    sealed = message("退款 20250101", "6054768590064713728")
    body, signature = ENVELOPE.seal(sealed, timestamp="1767225600", nonce="n")
    query = f"timestamp=1767225600&nonce=n&msg_signature={signature}"
    received = core.receive("shop", None, "POST", query, [], body, 1_767_225_601_000)
    assert json.dumps(json.loads(received.event)) == json.dumps(json.loads(shown))


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", READMES)
def test_the_handler_shown_answers(page: Path) -> None:
    """What the user would read is what the page says."""
    names: dict[str, Any] = {"__name__": "page"}
    code = next(code for code in blocks(page, "python") if "gateway.on" in code)
    exec(compile(code, str(page), "exec"), names)  # noqa: S102 (our own pages)

    async def scene() -> bytes:
        async with names["gateway"] as gateway:
            return await push(gateway, message("你好", "1"))

    assert "你说：你好" in asyncio.run(scene()).decode()


def test_both_languages_show_the_same() -> None:
    """A translation that drifts is worse than none."""
    english, chinese = READMES
    assert len(blocks(english)) == len(blocks(chinese))
    for language in ("json", "python", "sh", "toml"):
        pairs = zip(blocks(english, language), blocks(chinese, language), strict=True)
        for one, other in pairs:
            assert _bare(one) == _bare(other)
    assert re.findall(r"^\| (G\d)", text_of(english), re.MULTILINE) == re.findall(
        r"^\| (G\d)", text_of(chinese), re.MULTILINE
    )


def _bare(code: str) -> list[str]:
    """The lines of a block without comments, which are in the page's language."""
    return [re.sub(r"\s+#.*", "", line) for line in code.splitlines()]


# What the pages name.


@pytest.mark.parametrize("page", [*READMES, Path("ARCHITECTURE.md")])
def test_the_first_drawing_shows_the_stages(page: Path) -> None:
    """All of `Stage::ALL`, in their order."""
    words = re.findall(r"[a-z]+", blocks(page)[0])
    assert [word for word in words if word in STAGES][: len(STAGES)] == STAGES


def _invocations() -> list[str]:
    """The arguments of each `wxgate` that a page has its reader type."""
    shown = [code for page in PAGES for code in blocks(page, "sh")]
    lines = [line.partition("  #")[0] for code in shown for line in code.splitlines()]
    commands = [one.strip() for line in lines for one in line.split("&&")]
    return sorted({one.partition(" ")[2] for one in commands if one.startswith("wxgate ")})


def _commands() -> list[str]:
    """The names of the commands that pages type or mention."""
    inline = [code for page in PAGES for code in re.findall(r"`wxgate ([a-z]+)", text_of(page))]
    return sorted({*inline, *(one.split()[0] for one in _invocations())})


@pytest.mark.parametrize("name", _commands())
def test_every_command_named_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It can say what it is for."""
    assert name in COMMANDS
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"wxgate {name}" in capsys.readouterr().out


@pytest.mark.parametrize("line", _invocations())
def test_every_command_shown_is_understood(line: str) -> None:
    """With the arguments that the page gives it."""
    name, *arguments = shlex.split(line)
    commands = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"wxgate.cli.{name}").add(commands)
    commands.choices[name].parse_args(arguments)


def test_every_command_is_named() -> None:
    """What exists is documented."""
    assert set(COMMANDS) <= set(_commands())


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the tree, and to a heading in it."""
    prose = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in _anchors(path), target


def _anchors(path: Path) -> list[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_code_named_exists(page: Path) -> None:
    """Codes are what operators search for."""
    known = {*REPLY_PROBLEMS, *(code for code, *_ in _wxcore.reasons())}
    named = re.findall(rf'[`"]((?:{"|".join(STAGES)})\.[a-z_]+)[`"]', text_of(page))
    unknown = {code for code in named if not code.endswith((".rs", ".py"))} - known
    assert unknown == set()


def test_every_metric_is_explained() -> None:
    """The page of operations has them all, and no other."""
    page = Path("docs/operations.md")
    counters = Counters(Layout(["shop"], ["log:"], 1))
    boards = [*Board(["log:"], 1).render(), *NodeBoard([], 1).render()]
    blocks = [*boards, *Panel().render(), *History().render(), *Vitals().render()]
    shown = "\n".join([counters.render(), *blocks])
    rendered = set(re.findall(r"^# TYPE (\w+)", shown, re.MULTILINE))
    assert set(re.findall(r"^\| `(wxgate_\w+)`", text_of(page), re.MULTILINE)) == rendered
    named = {name for one in PAGES for name in re.findall(r"`(wxgate_\w+)`", text_of(one))}
    assert named <= rendered


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_named_exists(page: Path) -> None:
    """Paths in backquotes that begin with a folder of the tree."""
    named = re.findall(
        r"`((?:crates|python|tests|docs|tools|examples|fuzz)/[\w/.-]+)`", text_of(page)
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


# The examples.


def test_the_handlers_answer(desk: Path) -> None:
    """A follower is greeted, a refund is acknowledged, the rest is taken in silence."""
    # A copy: where a gateway starts, it keeps its journal.
    for file in (EXAMPLES / "handlers").glob("*.*"):
        shutil.copy(file, desk)
    gateway: Gateway = module_at(desk / "app.py").gateway
    follow = message("", "1").replace(b"<MsgType><![CDATA[text]]>", b"<MsgType><![CDATA[event]]>")
    follow = follow.replace(
        b"<MsgId>1</MsgId>", b"<Event>subscribe</Event><EventKey>qrscene_7</EventKey>"
    )

    async def scene() -> list[str]:
        async with gateway:
            pushes = (follow, message("退款 1", "2"), message("你好", "3"))
            return [(await push(gateway, one)).decode() for one in pushes]

    greeting, refund, silence = asyncio.run(scene())
    assert "https://example.com/start?scene=7" in greeting
    assert "客服会尽快联系您" in refund
    assert silence == "success"


def test_the_deployment_s_files_fit(desk: Path) -> None:
    """Its configuration loads, and unit and image call commands that exist."""
    folder = EXAMPLES / "deploy"
    (desk / "secrets").mkdir()
    (desk / "secrets/token").write_text(TOKEN)
    (desk / "secrets/aes_key").write_text(AES_KEY)
    shutil.copy(folder / "wxgate.toml", desk)
    settings = load(desk / "wxgate.toml")
    assert core_problems(settings) == []
    unit = (folder / "wxgate.service").read_text()
    limits = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert limits is not None
    assert int(limits[1]) > settings.server.drain + 1
    called = re.findall(r"^Exec\w+=\S+/wxgate (.*)$", unit, re.MULTILINE)
    image = (folder / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["wxgate"]' in image
    called.append(" ".join(json.loads(image.rpartition("CMD ")[2])))
    for line in called:
        test_every_command_shown_is_understood(line)
    assert [line.split()[0] for line in called] == ["check", "serve", "serve"]


@contextmanager
def serving(service: ModuleType) -> Iterator[int]:
    """Run the example's server on a free port."""
    server = service.ThreadingHTTPServer(("127.0.0.1", 0), service.Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_service_has_a_message_once(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """WeChat's second try gets the answer of the first, and the work is done once."""
    with serving(module_at(EXAMPLES / "service/service.py")) as port:
        text = (EXAMPLES / "service/wxgate.toml").read_text()
        (desk / "wxgate.toml").write_text(text.replace(":9001", f":{port}"))

        async def scene() -> list[bytes]:
            async with Gateway("wxgate.toml") as gateway:
                return [await push(gateway, message("你好", "1")) for _ in range(2)]

        replies = asyncio.run(scene())
    assert ["收到 你好" in reply.decode() for reply in replies] == [True, True]
    assert capsys.readouterr().out == "wechat.official.text oABC0123456789 你好\n"


def test_a_stream_takes_a_message_to_the_team_s_workers(
    desk: Path, redis_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """From WeChat's push through the example's gateway, to its function and to its loop."""
    folder = EXAMPLES / "workers"
    text = (folder / "wxgate.toml").read_text()
    (desk / "wxgate.toml").write_text(text.replace("redis://127.0.0.1:6379/0", redis_server.url))
    for name in ("orders.py", "batches.py"):
        shutil.copy(folder / name, desk)

    async def scene() -> bytes:
        async with Gateway("wxgate.toml") as gateway:
            answer = await push(gateway, message("你好", "1"))
        loop = module_at(desk / "batches.py").main()
        consuming = asyncio.create_task(loop)
        command = ("work", "stream:wechat", "--to", "python:orders:handle", "--lease", "1")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wxgate.cli", *command, stdout=asyncio.subprocess.PIPE
        )
        assert worker.stdout is not None
        line = await worker.stdout.readline()
        worker.terminate()
        assert await worker.wait() == 0
        while "你好" not in (shown := capsys.readouterr().out):  # noqa: ASYNC110 (printed, not told)
            await asyncio.sleep(0.02)
        consuming.cancel()
        await asyncio.wait([consuming])
        assert shown.encode() == line
        return answer + line

    said = asyncio.run(scene()).decode()
    assert said == "successwechat.official.text oABC0123456789 你好\n"
