"""What every contender finds: a Valkey of its own, WeChat's secrets, a folder on a real disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from contender import CACHE, HERE, AbsentError, Place

sys.path += [str(HERE.parents[1] / "tests"), str(HERE.parent)]

from servers.flavour import VALKEY_9
from servers.server import Server
from wechat import AES_KEY, APPID, TOKEN, push
from wxgate.bench import usage
from wxgate.sim.demo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contender import Contender
    from redis import Redis

PATH = "/cb/shop"
_WITHIN = 60.0
"""Seconds in which a server must answer, and messages arrive."""
_STILL = 2.0
"""Seconds in which nothing arrives any more where something is lost."""
_ENVIRONMENT = {"SHOP_TOKEN": TOKEN, "SHOP_AES_KEY": AES_KEY, "APPID": APPID}


@dataclass(slots=True)
class Running:
    """A contender that has been started, and its own database."""

    contender: Contender
    pid: int
    port: int
    database: Redis
    start: float = 0.0
    """Milliseconds until it acknowledged its first message."""
    sent: int = 0
    """Messages that it has been sent, repetitions aside."""
    lost: int = 0
    """Messages that it acknowledged and that never arrived."""
    versions: dict[str, str] = field(default_factory=dict)
    capacity: float = 0.0
    """Messages a second that it takes at full speed, roughly."""

    @property
    def cpu(self) -> float:
        """Seconds that its processes have used."""
        return usage.cpu_seconds(self.pid)

    def memory(self) -> float:
        """Proportional set size of all its processes, MB."""
        return sum(usage.memory(pid).pss for pid in usage.family(self.pid))

    def post(self, query: str, body: bytes) -> tuple[int, bytes]:
        """Send one call; status and body of the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_WITHIN)
        try:
            connection.request("POST", f"{PATH}?{query}", body, {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def entries(self) -> int:
        """How many messages have arrived in its streams."""
        return sum(self.database.xlen(key) for key in self.streams())

    def streams(self) -> list[bytes]:
        """The keys of its streams: one a partition, where it has such."""
        return list(self.database.scan_iter(count=1000, _type="stream"))

    def arrived(self) -> None:
        """Wait until all that was sent has arrived. Raises ``AssertionError`` if more does."""
        found = self.arrived_at_least(self.sent)
        assert found == self.sent, f"{self.sent} sent, {found} arrived"

    def arrived_at_least(self, count: int) -> int:
        """Wait for so many messages; how many there are then."""
        until = time.monotonic() + _WITHIN
        while (found := self.entries()) < count:
            assert time.monotonic() < until, f"{count} sent, {found} arrived"
            time.sleep(0.005)
        return found

    def settled(self) -> int:
        """How many messages there are once all have arrived, or for a while no more."""
        since, found = time.monotonic(), self.entries()
        while found < self.sent and time.monotonic() < since + _STILL:
            time.sleep(0.005)
            if (now := self.entries()) > found:
                since, found = time.monotonic(), now
        return found


@contextmanager
def valkey() -> Iterator[Server]:
    """Run the server of all. Raises ``AbsentError``."""
    if VALKEY_9.program is None:
        raise AbsentError(VALKEY_9.otherwise)
    with TemporaryDirectory() as folder, Server(VALKEY_9, Path(folder)) as server:
        yield server


@contextmanager
def started(contender: Contender, server: Server, database: int) -> Iterator[Running]:
    """Install a contender, start it, and wait for its first answer. Raises ``AbsentError``."""
    installed = contender.install()
    # On the disk that the repository is on: a file system in memory would know no sync.
    folder = CACHE / f"running-{contender.key}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place = Place(folder, free_port(), free_port(), f"{server.url}/{database}")
    own = {"REDIS_URL": place.redis, "PORT": str(place.port), **_ENVIRONMENT}
    begun = time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            installed.command(place),
            cwd=folder,
            env=os.environ | own | installed.environment,
            stdout=output,
            stderr=output,
        )
    try:
        with server.client(db=database) as client:
            versions = dict(installed.versions)
            running = Running(contender, process.pid, place.port, client, versions=versions)
            _until_answering(running, process, folder / "output.txt")
            running.start = (time.perf_counter() - begun) * 1e3
            yield running
    finally:
        _end(process)
    shutil.rmtree(folder)


def _until_answering(running: Running, process: subprocess.Popen[bytes], output: Path) -> None:
    sent = push(number=1)
    until = time.monotonic() + _WITHIN
    while True:
        try:
            answer = running.post(sent.query, sent.body)
        except OSError:
            said = output.read_text(errors="replace")[-2000:]
            assert process.poll() is None, f"{running.contender.name} has ended:\n{said}"
            assert time.monotonic() < until, f"{running.contender.name} does not answer:\n{said}"
            time.sleep(0.001)
        else:
            said = output.read_text(errors="replace")[-2000:]
            assert answer == (200, b"success"), f"{running.contender.name}: {answer}\n{said}"
            running.sent = 1
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
