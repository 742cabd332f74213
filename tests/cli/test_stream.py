"""`wxgate stream` and the arguments of `wxgate work`, against a real server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from streams.hub import ROOT, hub, messages
from work.team import read, working
from wxgate.cli import main
from wxgate.work.dead import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from servers.server import Server

HANDLERS = """\
seen = []


async def handle(event):
    if event.id == "id2":
        raise ValueError
    seen.append(event.id)
"""


@pytest.fixture
def stream(redis_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Five messages of which two are dead letters of a group, and three wait for another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WXGATE_REDIS", redis_server.url)

    async def scene() -> None:
        async with hub(redis_server.url, partitions=2) as one:
            await one.put(messages(range(1, 6)))
            await one.client.xgroup_create(ROOT.partition(0).entries, "late", "0")
            async with working(redis_server.url, "a") as worker:
                for entry in await read(worker, 5):
                    if entry.id in {"id1", "id2"}:
                        await worker.bury(entry, Reason("refused: no", 1))
                    else:
                        worker.finish(entry)

    asyncio.run(scene())
    return redis_server


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a command prints, whose exit code is what it should be."""
    assert main(["stream", *words]) == code
    return capsys.readouterr().out


@pytest.mark.usefixtures("stream")
def test_the_status_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, dead letters, and for each group what waits and who works."""
    found = json.loads(said(capsys, "status", "stream:wechat", "--json"))
    assert (found["partitions"], found["length"], found["dead"]) == (2, 5, 2)
    workers = next(group for group in found["groups"] if group["name"] == "workers")
    assert (workers["waiting"], workers["in_hand"], workers["consumers"]) == (0, 0, "")
    shown = said(capsys, "status", "stream:wechat")
    assert "2 partitions, 5 messages, 2 dead letters" in shown
    assert "workers: 0 wait, 0 in hand; nobody works" in shown


@pytest.mark.usefixtures("stream")
def test_a_stream_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With those that the configuration has."""
    (tmp_path / "wxgate.toml").write_text("[stream.wechat]\npartitions = 2\n")
    assert main(["stream", "status", "stream:nope"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "stream:nope: nothing was ever appended to it; the configuration has: stream:wechat\n"
    )


def test_who_works_is_shown(stream: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """And a group for which somebody works is not forgotten."""

    async def scene() -> tuple[str, str]:
        async with working(stream.url, "host-1", group="busy") as worker:
            while len(worker.partitions) < 2:  # noqa: ASYNC110 (it joins by itself)
                await asyncio.sleep(0.01)
            shown = await asyncio.to_thread(said, capsys, "status", "stream:wechat")
            words = ("forget", "stream:wechat", "--group", "busy")
            await asyncio.to_thread(said, capsys, *words, code=1)
            return shown, "forgotten"

    shown, _ = asyncio.run(scene())
    assert "host-1 has 2" in shown


@pytest.mark.usefixtures("stream")
def test_dead_letters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """By group and id; their text only for programs."""
    lines = said(capsys, "dead", "stream:wechat").splitlines()
    assert len(lines) == 2
    assert all("after 1  refused: no" in line for line in lines)
    assert "data" not in "".join(lines)
    (one,) = json.loads(said(capsys, "dead", "stream:wechat", "--id", "id2", "--json"))
    assert one["event"]["id"] == "id2"
    assert said(capsys, "dead", "stream:wechat", "--group", "late") == ""


@pytest.mark.usefixtures("stream")
def test_dead_letters_are_delivered_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is taken is dead no more; what is not stays."""
    (tmp_path / "again.py").write_text(HANDLERS)
    monkeypatch.setattr("wxgate.dispatch.replay._PAUSE", 0.01)
    words = ("replay", "stream:wechat", "--to", "python:again:handle", "--json")
    assert said(capsys, *words, "--dry-run") == ""
    found = json.loads(said(capsys, *words, code=1))
    assert (found["taken"], found["failed"]) == (1, 1)
    (left,) = json.loads(said(capsys, "dead", "stream:wechat", "--json"))
    assert left["id"] == "id2"


@pytest.mark.usefixtures("stream")
def test_dead_letters_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them only if that is said."""
    said(capsys, "drop", "stream:wechat", code=2)
    assert json.loads(said(capsys, "drop", "stream:wechat", "--id", "id1", "--json")) == {
        "dropped": 1
    }
    assert said(capsys, "drop", "stream:wechat", "--all") == "1 dead letters dropped\n"


def test_a_group_is_forgotten(stream: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """With all that is kept for it."""
    assert said(capsys, "forget", "stream:wechat", "--group", "workers") == (
        "workers is forgotten\n"
    )
    said(capsys, "forget", "stream:wechat", "--group", "workers", code=1)
    left = [key for key in stream.say("KEYS", "*") if b"workers" in key]
    assert left == []


def test_a_redis_that_is_away_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line."""
    assert main(["stream", "status", "stream:wechat", "--redis", "redis://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("redis: ConnectionError")


@pytest.mark.parametrize(
    "words",
    [
        ["work", "upstream:orders", "--to", "log:"],
        ["work", "stream:wechat", "--to", "python:nowhere:handle"],
        ["work", "stream:wechat", "--to", "log:", "--redis", "http://a"],
        ["stream", "status", "wechat"],
    ],
)
def test_wrong_usage_is_said(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, before anything is connected to."""
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2


@pytest.mark.parametrize("group", ["", "A", "a b", "a:b"])
def test_what_is_no_group_is_refused(group: str) -> None:
    """Its name becomes part of keys."""
    with pytest.raises(SystemExit) as stop:
        main(["work", "stream:wechat", "--to", "log:", "--group", group])
    assert stop.value.code == 2
