"""`wxgate serve` starts, or says why it does not; what it runs, and how."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from wxgate import Gateway
from wxgate.sim.demo.process import free_port
from wxgate.sim.wire import Wire

from .serving import (
    LOG,
    get,
    serving,
)

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Stage


def test_a_gateway_of_the_teams_own_is_served(stage: Stage, tmp_path: Path) -> None:
    """With its handlers, from a module beside the configuration."""
    (tmp_path / "mine.py").write_text(
        "from wxgate import Gateway\n"
        "gateway = Gateway()\n"
        "@gateway.on('shop', type='text')\n"
        "async def answer(event):\n"
        "    return '你说：' + event.text\n"
    )
    with serving(stage, LOG, "", "--app", "mine:gateway") as (served, theatre):
        message, call = theatre.call("shop", "text", "你好")

        async def run() -> str:
            async with Wire(f"http://127.0.0.1:{served.listen}") as wire:
                answer = await wire.exchange(call)
            return str(theatre.players["shop"].read(message, answer).reply["Content"])

        assert asyncio.run(run()) == "你说：你好"


def test_granian_asks_before_the_loop_hears_of_a_request(stage: Stage, tmp_path: Path) -> None:
    """Where there is no room a stranger gets what everybody gets; a payment passes."""
    (tmp_path / "full.py").write_text(
        "from wxgate import Gateway\n"
        "class Full(Gateway):\n"
        "    async def open(self):\n"
        "        state = await super().open()\n"
        "        state.way.turnstile.shedder.room = (0, 0)\n"
        "        return state\n"
        "gateway = Full()\n"
    )
    with serving(stage, LOG, "", "--app", "full:gateway") as (served, theatre):

        async def run() -> list[int]:
            async with Wire(f"http://127.0.0.1:{served.listen}") as wire:
                calls = [theatre.call(*one)[1] for one in (("shop", "text"), ("mch", "pay"))]
                return [(await wire.exchange(call)).status for call in calls * 2]

        first, second, *again = asyncio.run(run())
        assert (first, second < 300, again[0]) == (503, True, 503)


def test_a_configuration_that_cannot_be_used_names_every_problem(tmp_path: Path) -> None:
    """And nothing is served."""
    (tmp_path / "wxgate.toml").write_text('[server]\nport = 1\n[account.a]\nkind = "ofical"\n')
    command = [sys.executable, "-m", "wxgate.cli", "serve"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "server.port" in done.stderr
    assert "account.a.kind" in done.stderr


def test_a_start_and_a_stop_are_told(stage: Stage) -> None:
    """Which version, where it listens, where its messages lie, how much there is."""
    with serving(stage) as (served, theatre):
        assert served.stop(signal.SIGTERM)[0] == 0
    lines = (theatre.folder / "serve.log").read_text().splitlines()
    about = [line.partition(" INFO wxgate.serve ")[2] for line in lines]
    (started, stopped) = filter(None, about)
    assert started == (
        f"wxgate {version('wxgate')} starts on 127.0.0.1:{served.listen}, "
        f"for operators on 127.0.0.1:{served.admin}, journal in {theatre.folder}/data/journal, "
        f"1 worker, {len(theatre.players)} accounts, 1 route, 1 destination"
    )
    assert stopped == "wxgate has stopped"


def test_what_cannot_start_says_why_in_one_line(stage: Stage) -> None:
    """A taken port, and a module that is not there."""
    with serving(stage) as (served, _):
        command = [sys.executable, "-m", "wxgate.cli", "serve"]
        for more, word in (
            ([], f"127.0.0.1:{served.listen} is taken"),
            (["--app", "no:x"], "no module no"),
            (["--app", "no.such:x"], "no module no.such"),
            (["--app", "json"], "the name of the gateway is missing; expected json:NAME"),
        ):
            done = subprocess.run(
                [*command, *more], cwd=served.folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 2
            assert word in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('key = "file:key"', "journal.key: segments are sealed under another key"),
        ("", "journal.key: segments are sealed: journal.key must be set"),
        ('dir = "/proc/nope"', "journal.dir: /proc/nope cannot be used: /proc: "),
    ],
)
def test_a_journal_that_cannot_be_used_says_why_in_one_line(
    stage: Stage, table: str, told: str
) -> None:
    """The parent looks before any worker does; the doctor says the same."""
    theatre = stage()
    config, key = theatre.folder / "wxgate.toml", theatre.folder / "key"
    plain = config.read_text()
    key.write_text("00" * 32)
    config.write_text(f'[journal]\nkey = "file:key"\n{plain}')
    sealed = replace(theatre, gateway=Gateway(config))

    async def run() -> None:
        async with sealed.gateway:
            assert (await sealed.play("shop", "text")).status == 200

    asyncio.run(run())
    key.write_text("11" * 32)
    config.write_text(f"[journal]\n{table}\n{plain}")
    command = [sys.executable, "-m", "wxgate.cli"]
    for word, code in (("serve", 1), ("doctor", 1)):
        done = subprocess.run(
            [*command, word], cwd=theatre.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        said = done.stdout + done.stderr
        assert told.partition(": ")[2] in said
        assert told.partition(": ")[0] in said
        assert "Traceback" not in said
        assert word == "doctor" or said.startswith(told)


def test_two_gateways_do_not_share_a_folder(stage: Stage) -> None:
    """Everything would be delivered twice: the second leaves, saying which setting to change."""
    with serving(stage) as (served, _):
        config = served.folder / "wxgate.toml"
        text = config.read_text()
        for port in (served.listen, served.admin):
            text = text.replace(f":{port}", f":{free_port()}")
        (served.folder / "second.toml").write_text(text)
        command = [sys.executable, "-m", "wxgate.cli", "serve", "--config", "second.toml"]
        done = subprocess.run(
            command, cwd=served.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "journal.dir" in done.stderr
        assert "Traceback" not in done.stderr
        assert get(served.admin, "/readyz")[0] == 200


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="scheduling policies are Linux's")
def test_workers_let_others_finish(stage: Stage) -> None:
    """Every thread of each, granian's and the journal's as well; the parent as it was."""
    with serving(stage, server="workers = 2\n") as (served, _):
        for worker in served.workers():
            threads = {os.sched_getscheduler(thread.id) for thread in worker.threads()}
            assert threads == {os.SCHED_BATCH}
        assert os.sched_getscheduler(served.process.pid) == os.sched_getscheduler(0)
