"""What was acknowledged is on disk, and delivered from there, whatever happens meanwhile (G1)."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from wxcore import Claims, JournalError
from wxgate import Event, record
from wxgate.admin import Status
from wxgate.cli import main
from wxgate.dispatch import Board, NodeBoard
from wxgate.history import History
from wxgate.sim.demo.process import free_port

from .conftest import OFTEN
from .services import Scripted
from .theatre import Theatre, ask_with_headers, until

if TYPE_CHECKING:
    from .conftest import Stage


def ready(theatre: Theatre) -> bool:
    """What a balancer would be told."""
    state = theatre.state
    parts = (state.pipeline, state.dispatcher, state.journal)
    more = (None, state.recorder, History())
    status = Status("data", *parts, Board([], 1), NodeBoard([], 1), Claims(1000, 0, 0), *more)
    report = status.report()
    assert report["state"] == {"mode": "local"}
    return bool(report["ready"])


def test_who_was_refused_is_asked_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a message finds out whether the disk is back: a balancer must send one in the end."""
    monkeypatch.setattr(record, "_REFUSES_FOR_S", 0.2)
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            assert ready(theatre)
            shutil.rmtree(theatre.folder / "data/journal/00")
            assert (await theatre.play("shop", "text")).status == 503
            assert not ready(theatre)
            await until(lambda: ready(theatre))
            assert theatre.state.journal.stats()["state"] == "refusing"

    asyncio.run(run())


def test_what_lies_on_the_disk_is_its_owners_alone(stage: Stage) -> None:
    """Messages, claims, limits, nonces and dead letters, and what SQLite puts beside them."""
    limit = '[[limit]]\nname = "all"\nper = "all"\nrate = "99/s"\n'

    async def run() -> dict[str, int]:
        async with Scripted(status=400) as service:
            theatre = stage(f'[[route]]\nto = "{service.url}"\n{limit}', "workers = 2\n")
            async with theatre.gateway:
                for account, kind in (("shop", "text"), ("billing", "partner")):
                    assert (await theatre.play(account, kind)).status == 200
                await theatre.counted(2, "buried")
                journal = theatre.folder / "data/journal"
                return {one.name: one.stat().st_mode for one in (journal, *journal.rglob("*"))}

    before = os.umask(0o022)
    try:
        found = asyncio.run(run())
    finally:
        os.umask(before)
    assert len(found) > 8
    assert [name for name, mode in found.items() if mode & 0o077] == []


def ids(service: Scripted) -> list[str]:
    """The messages that a service was sent, in order."""
    return [Event.decode(request.body).id for request in service.got]


def test_a_message_outlasts_a_destination_that_is_down(stage: Stage) -> None:
    """It is acknowledged at once, and delivered when the destination is back."""
    port = free_port()
    theatre = stage(f'[[route]]\nto = "http://127.0.0.1:{port}"\n{OFTEN}')

    async def run() -> None:
        async with theatre.gateway:
            messages = [theatre.players["shop"].message("text") for _ in range(3)]
            for message in messages:
                assert (await theatre.again("shop", message)).body == b"success"
            await until(lambda: sum(theatre.deliveries("retried").values()) >= 3)
            async with Scripted(port=port) as service:
                await theatre.counted(3)
                assert len(set(ids(service))) == len(service.got) == 3
                assert (await theatre.again("shop", messages[0])).body == b"success"
            assert theatre.total("shop", "accepted") == 3

    asyncio.run(run())


def test_a_message_outlasts_the_gateway_too(stage: Stage) -> None:
    """What one process acknowledged, the next delivers, in order; the one after it has nothing."""
    port = free_port()
    theatre = stage(f'[[route]]\nto = "http://127.0.0.1:{port}"\n{OFTEN}', "drain = 0.05")

    async def run() -> None:
        async with theatre.gateway:
            for number in range(5):
                message = theatre.players["shop"].message("text", f"{number}", openid="oUser")
                assert (await theatre.again("shop", message)).body == b"success"
            await until(lambda: sum(theatre.deliveries("retried").values()) >= 1)
        async with Scripted(port=port) as service:
            after = theatre.restarted()
            async with after.gateway:
                await after.counted(5)
            texts = [Event.decode(request.body).text for request in service.got]
            assert texts == ["0", "1", "2", "3", "4"]
            last = theatre.restarted()
            async with last.gateway:
                assert last.state.dispatcher.snapshot()[0].held == 0
                assert last.state.journal.stats()["oldest_unsettled"] is None
            assert len(service.got) == 5

    asyncio.run(run())


def test_a_full_journal_refuses_until_there_is_room_again(stage: Stage) -> None:
    """With 503 and a word when to come again; what is undelivered is never given up for it."""
    port = free_port()
    small = "[journal]\nsegment = 1048576\nmax_bytes = 4194304\nretain_bytes = 0\nretain = 0\n"
    theatre = stage(f'[[route]]\nto = "http://127.0.0.1:{port}"\n{OFTEN}{small}')
    text = "长" * 60_000

    async def run() -> None:
        async with theatre.gateway:
            taken = 0
            while True:
                message, call = theatre.call("shop", "text", text)
                answer, headers = await ask_with_headers(theatre.gateway, call)
                if answer.status != 200:
                    break
                taken += 1
            assert (answer.status, (b"retry-after", b"1") in headers) == (503, True)
            assert theatre.total("shop", "record.full") == 1
            assert not ready(theatre)
            assert theatre.total("shop", "accepted") == taken > 3
            async with Scripted(port=port) as service:
                await theatre.counted(taken)
                accepted = await theatre.again("shop", message)
                while accepted.status != 200:
                    accepted = await theatre.again("shop", message)
                await theatre.counted(taken + 1)
                assert len(set(ids(service))) == len(service.got) == taken + 1

    asyncio.run(run())


def test_a_journal_whose_folder_is_gone_does_not_pretend(stage: Stage) -> None:
    """Though the write succeeds, nobody could read it; once there is a folder again, it goes on."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            assert (await theatre.play("shop", "text")).status == 200
            folder = theatre.folder / "data/journal/00"
            shutil.rmtree(folder)
            message, _ = theatre.call("shop", "text")
            for _ in range(3):
                assert (await theatre.again("shop", message)).status == 503
            assert theatre.state.journal.stats()["state"] == "refusing"
            assert not ready(theatre)
            folder.mkdir()
            while (await theatre.again("shop", message)).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert ready(theatre)
            await theatre.counted(2)
        after = theatre.restarted()
        async with after.gateway:
            assert (await after.again("shop", message)).body == b"success"
            assert after.total("shop", "repeated") == 1

    asyncio.run(run())


def test_a_second_gateway_in_one_process_is_told_too(stage: Stage) -> None:
    """And the first goes on; once that is closed, its folder is free."""
    one, two = stage(), stage()

    async def run() -> None:
        async with one.gateway:
            with pytest.raises(JournalError) as caught:
                await two.gateway.open()
            assert caught.value.code == "locked"
            assert (await one.play("shop", "text")).status == 200
        async with two.gateway:
            assert (await two.play("shop", "text")).status == 200

    asyncio.run(run())


def test_the_journal_is_listed_without_what_was_said(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who wrote, what kind, whether it waits; also while the gateway runs."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    waits = f'[[route]]\nwhen = {{ account = "mini" }}\nto = "{nowhere}"\n'
    theatre = stage(f'{waits}[[route]]\nto = "log:"\n{OFTEN}')

    async def run() -> list[str]:
        async with theatre.gateway:
            for account in ("shop", "mini"):
                message = theatre.players[account].message("text", "SentinelText", openid="oUser")
                assert (await theatre.again(account, message)).status == 200
            await theatre.counted(1)
            assert await asyncio.to_thread(main, ["journal", "ls"]) == 0
            return capsys.readouterr().out.splitlines()

    newest, oldest = asyncio.run(run())
    assert "mini  wechat.miniprogram.text  oUser" in newest
    assert newest.endswith(f"waits for {nowhere}")
    assert "shop  wechat.official.text  oUser" in oldest
    assert oldest.endswith("  delivered")
    assert "SentinelText" not in newest + oldest
    assert main(["journal", "verify"]) == 0
    shutil.rmtree(theatre.folder / "data")
    assert main(["journal", "ls"]) == 2
