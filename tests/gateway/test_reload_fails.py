"""A reload that fails half-way leaves nothing behind: no thread, no open file, no connection."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from wxgate import reload
from wxgate.errors import ConfigError
from wxgate.settings import load

from .conftest import LOG
from .reloading import results, rewrite
from .services import Scripted
from .theatre import until

if TYPE_CHECKING:
    from servers.server import Server
    from wxgate import Event

    from .conftest import Crew, Stage

PLAIN = '[[route]]\nto = "python:json:dumps"\n'
NOWHERE = '[[route]]\nto = "python:no_such_module:function"\n'


def threads() -> int:
    """Those that plain functions run in."""
    return sum(one.name == "wxgate-function" for one in threading.enumerate())


def test_the_threads_of_functions_end_though_reloads_failed(stage: Stage) -> None:
    """Each would have been one more who needs them, for ever."""
    theatre = stage(LOG)

    def well(_: Event) -> str:
        return "well"

    theatre.gateway.on("shop", type="text")(well)  # type: ignore[arg-type]  # not async, and taken

    async def run() -> None:
        async with theatre.gateway as gateway:
            assert (await theatre.play("shop", "text")).status == 200
            assert threads() > 0
            rewrite(theatre, LOG, PLAIN + NOWHERE)
            for _ in range(3):
                with pytest.raises(ImportError):
                    await gateway.reload()
            assert results(theatre)["refused"] == 3
            assert (await theatre.play("shop", "text")).status == 200
        await until(lambda: threads() == 0)

    asyncio.run(run())


def test_no_file_stays_open_where_another_cannot_be_opened(crew: Crew) -> None:
    """The first partner's nonces and the first limit come together; the latter's file is none."""
    theatre = crew(LOG)[0]
    file = theatre.folder / "wxgate.toml"
    whole = file.read_text()
    start, end = whole.index("[account.billing]"), whole.index("[[route]]")
    file.write_text(whole[:start] + whole[end:])

    async def run() -> None:
        theatre.gateway.settings = settings = load(file)
        async with theatre.gateway as gateway:
            broken = Path(settings.journal.dir) / "limits.sqlite3"
            broken.mkdir()
            file.write_text(f'{whole}\n[[limit]]\nname = "a"\nper = "all"\nrate = "1/h"\n')
            with pytest.raises(sqlite3.Error, match="unable to open"):
                await gateway.reload(file)
            assert opened("nonces.sqlite3") == 0
            assert (await theatre.play("shop", "text")).status == 200
            broken.rmdir()
            assert await gateway.reload(file)
            assert opened("nonces.sqlite3") > 0
            assert [(await theatre.play("shop", "text")).status for _ in range(2)] == [200, 503]

    asyncio.run(run())


def opened(name: str) -> int:
    """How often a file of this name is open here."""
    return sum(one.path.endswith(name) for one in psutil.Process().open_files())


def test_no_connection_stays_where_a_core_cannot_be_built(
    stage: Stage, own_redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was planned already, a stream and a service whose nodes are checked, does nothing."""

    def fails(*_: object) -> None:
        raise ConfigError([])

    async def run() -> None:
        async with Scripted() as service:
            theatre = stage(LOG)
            async with theatre.gateway as gateway:
                rewrite(theatre, LOG, ways(service, own_redis))
                with monkeypatch.context() as patched:
                    patched.setattr(reload, "build", fails)
                    for _ in range(3):
                        with pytest.raises(ConfigError):
                            await gateway.reload()
                for _ in range(20):
                    assert (await theatre.play("shop", "text")).status == 200
                assert not service.got
                assert clients(own_redis) == 0
                assert await gateway.reload()
                await until(lambda: service.got)
                assert (await theatre.play("shop", "text")).status == 200
                await until(lambda: clients(own_redis) == 1)

    asyncio.run(run())


def ways(service: Scripted, redis: Server) -> str:
    """Routes to an upstream whose node is asked how it is, and to a stream."""
    often = 'health = { path = "/healthz", every = 0.01 }'
    return (
        f'[upstream.checked]\nnodes = ["{service.url}"]\n{often}\n'
        f'[stream.orders]\nredis = {{ url = "{redis.url}" }}\n'
        '[[route]]\nto = "upstream:checked"\nalso = true\n[[route]]\nto = "stream:orders"\n'
    )


def clients(server: Server) -> int:
    """Who is connected beside the one who asks."""
    return len(server.say("CLIENT", "LIST").splitlines()) - 1
