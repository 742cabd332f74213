"""A real ``wxgate serve`` as a child process: started, watched, killed, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
from wxgate.settings import load
from wxgate.settings.push import Official
from wxgate.sim import cast, invent
from wxgate.sim.call import Call

from .line import BrokenError, Line, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from wxgate.sim.player import Player

_PORTS = range(16_000, 32_000)
"""Below those that systems hand out: nobody gets one of them while a gateway is down."""
PATIENCE = 20.0
"""Seconds until a gateway that does not start or stop fails the test."""
_LOOK = 0.01
"""Seconds between two looks at what has no event to wait for: another process's port."""
_SAMPLE = re.compile(r"^(wxgate_\w+)(?:\{([^}]*)\})? ([0-9.e+-]+)$", re.MULTILINE)

_CONFIG = """\
[server]
listen = "127.0.0.1:{listen}"
admin = "127.0.0.1:{admin}"
log_level = "warning"
{server}

[journal]
dir = "{journal}"
{journal_more}

{state}

[overload]
{overload}

[account.shop]
kind = "official"
appid = "{appid}"
{keys}

[upstream.orders]
nodes = ["{upstream}"]
{upstream_more}

{routes}
"""
ROUTES = """\
[[route]]
when = { type = "text", content = "^\\\\?" }
to = "upstream:orders"
reply = "wait"

[[route]]
to = "upstream:orders"
"""
SMALL = "segment = 1048576\nretain = 0\nretain_bytes = 0\n"
"""The smallest segments, gone as soon as all in them is delivered: they change all the time."""
SOON = "retry = { first = 0.05, factor = 2.0, max = 0.5, give_up = 86400.0 }\n"
"""Retries that a test can wait for."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What differs from row to row in the configuration."""

    upstream: str
    server: str = ""
    journal: str = SMALL
    orders: str = SOON
    routes: str = ROUTES
    keys: str = 'token = "file:token"\naes_key = "file:aes_key"'
    state: str = ""
    overload: str = "enabled = false"
    """Off, unless a row is about it: whoever runs these may have other things to do."""


_given: set[int] = set()


def lasting_port() -> int:
    """Choose a free port that stays free when whoever listens on it is killed; no port twice."""
    for port in random.SystemRandom().sample(_PORTS, 100):
        if port in _given:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise AssertionError


def two_workers(setup: Setup) -> Setup:
    """Have two workers, each with a journal of its own."""
    return replace(setup, server="workers = 2")


@dataclass(slots=True)
class Gateway:
    """One folder, and the gateway that runs in it."""

    folder: Path
    setup: Setup
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = (sys.executable, "-m", "wxgate.cli", "serve")
    limits: Callable[[], None] | None = None
    """Called in the child before it becomes the gateway."""
    listen: int = field(default_factory=lasting_port)
    admin: int = field(default_factory=lasting_port)
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    def __post_init__(self) -> None:
        """Write the configuration and its secrets, unless another gateway has."""
        if not (self.folder / "token").exists():
            (self.folder / "token").write_text(invent.alphanumeric(16))
            (self.folder / "aes_key").write_text(invent.aes_key())
            (self.folder / "appid").write_text(invent.appid())
        self.write()

    @property
    def journal(self) -> Path:
        """The folder of its journal."""
        return self.folder / "journal"

    @property
    def log(self) -> Path:
        """Where its output goes, over all its starts."""
        return self.folder / "gateway.log"

    @property
    def config(self) -> Path:
        """Its configuration: one for each listener."""
        return self.folder / f"wxgate-{self.listen}.toml"

    @property
    def running(self) -> asyncio.subprocess.Process:
        """The process, which has been started."""
        assert self.process is not None
        return self.process

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.returncode is None

    def write(self) -> None:
        """Write the configuration, as an editor does: nobody reads half of one."""
        text = _CONFIG.format(
            listen=self.listen,
            admin=self.admin,
            journal=self.journal,
            appid=(self.folder / "appid").read_text(),
            upstream=self.setup.upstream,
            server=self.setup.server,
            journal_more=self.setup.journal,
            upstream_more=self.setup.orders,
            routes=self.setup.routes,
            state=self.setup.state,
            overload=self.setup.overload,
            keys=self.setup.keys,
        )
        fresh = self.config.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(self.config)

    def player(self, *, newest: bool = False, name: str = "shop") -> Player:
        """WeChat's part towards an account; under the ``newest`` keys, or the current ones."""
        # The configuration names its secrets relative to where the gateway is started.
        with contextlib.chdir(self.folder):
            settings = load(self.config)
        if newest:
            account = settings.account["shop"]
            assert isinstance(account, Official)
            turned = msgspec.structs.replace(
                account, token=account.token[::-1], aes_key=account.aes_key[::-1]
            )
            settings = msgspec.structs.replace(settings, account={"shop": turned})
        return cast(settings, name)

    async def start(self) -> None:
        """Start, and wait until it answers. Raises ``AssertionError`` with its log if it ends."""
        await self.launch()
        await self.until(self.answers)

    async def launch(self) -> None:
        """Start without waiting."""
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                "--config",
                self.config.name,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=self.limits,
            )

    async def until(self, holds: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Wait until an async condition holds while the process lives."""
        last = asyncio.get_running_loop().time() + patience
        while not await holds():
            assert self.is_alive, f"the gateway has ended\n{self.said()}"
            assert asyncio.get_running_loop().time() < last, (
                f"not within {patience} s\n{self.said()}"
            )
            await asyncio.sleep(_LOOK)

    async def answers(self) -> bool:
        """Whether it is ready, and its listener takes connections."""
        try:
            status, _ = await self.get("/readyz")
            (await Line.open(self.listen)).close()
        except (OSError, BrokenError):
            return False
        return status == 200

    async def get(self, path: str) -> tuple[int, str]:
        """One of the operator's pages. Raises ``OSError`` or ``BrokenError``."""
        line = await Line.open(self.admin)
        try:
            async with asyncio.timeout(PATIENCE):
                status, body = await line.exchange(written(Call("GET", path)))
        finally:
            line.close()
        return status, body.decode()

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """What ``/readyz`` says."""
        status, body = await self.get("/readyz")
        return status, json.loads(body)

    async def metrics(self) -> dict[str, float]:
        """What ``/metrics`` says: each name, with the sum over its labels."""
        _, text = await self.get("/metrics")
        totals: dict[str, float] = {}
        for name, _, value in _SAMPLE.findall(text):
            totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    async def drains(self) -> bool:
        """Whether a stop has begun."""
        status, _ = await self.get("/readyz")
        return status == 503

    async def results(self) -> dict[str, int]:
        """How many reloads ended in which way."""
        _, text = await self.get("/metrics")
        found = re.findall(r'^wxgate_reload_total\{result="(\w+)"\} (\d+)$', text, re.MULTILINE)
        return {result: int(count) for result, count in found}

    def kill(self) -> None:
        """Kill the whole group, as a machine's crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)

    async def killed(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        await self.gone()

    async def gone(self, patience: float = PATIENCE) -> int:
        """Wait until it has ended with all its workers; return the exit code."""
        async with asyncio.timeout(patience):
            code = await self.running.wait()
        # The workers are in its group; the folder's lock is theirs until they are gone.
        self.kill()
        async with asyncio.timeout(patience):
            while _group_lives(self.running.pid):  # noqa: ASYNC110 (they are not our children)
                await asyncio.sleep(_LOOK)
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the supervisor, and wait for the end; return the exit code."""
        self.running.send_signal(number)
        return await self.gone()

    def workers(self) -> list[psutil.Process]:
        """The processes that answer."""
        return psutil.Process(self.running.pid).children()

    def resident(self) -> int:
        """Bytes of memory of the largest worker."""
        return max((one.memory_info().rss for one in self.workers()), default=0)

    def said(self) -> str:
        """Everything that was logged."""
        return self.log.read_text(errors="replace")

    async def close(self) -> None:
        """Leave nothing behind."""
        if self.process is not None:
            await self.killed()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return any(_lives(one, group) for one in psutil.process_iter())


def _lives(one: psutil.Process, group: int) -> bool:
    try:
        # One that is dead, and whose parent, this process's init, has not noticed, holds nothing.
        return _pgid(one.pid) == group and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _pgid(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
