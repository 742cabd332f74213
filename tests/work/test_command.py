"""`wxgate work` as a team starts it, where Redis speaks TLS alone and wants to know who asks."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from servers.access import Access, User, locked
from servers.cluster import Cluster
from servers.fixtures import present
from servers.flavour import REDIS_7
from servers.replicated import Replicated
from servers.server import Server
from streams.hub import hub, messages
from wxgate.settings.redis import RedisPlace, RedisUrl

from .team import until_pending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.tls import Identity

PATIENCE = 20.0
HANDLERS = """\
seen = open("seen", "a", buffering=1)


async def handle(event):
    seen.write(event.id + chr(10))
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the stream is, and who may go there."""

    group: Server | Cluster | Replicated
    access: Access

    def place(self, user: User | None) -> RedisPlace:
        """The way there for somebody in this process."""
        watched = isinstance(self.group, Replicated)
        settings = self.access.settings(user, sentinel=watched)
        return RedisPlace(url=RedisUrl.parse(self.group.url), **settings)

    def table(self, name: str) -> str:
        """The same for workers, as a file has it; passwords come from the environment."""
        one = self.place(self.access.worker)
        lines = [f"[{name}]", f'url = "{one.url}"', f'ca = "{one.ca}"']
        lines += [f'user = "{one.user}"', 'password = "env:WORKER_PASSWORD"']
        if one.sentinel_user is not None:
            lines += [f'sentinel_user = "{one.sentinel_user}"']
            lines += ['sentinel_password = "env:SENTINEL_PASSWORD"']
        return "\n".join(lines) + "\n"

    @property
    def environment(self) -> dict[str, str]:
        """With the passwords that the table names."""
        one = self.place(self.access.worker)
        secrets = {"WORKER_PASSWORD": one.password, "SENTINEL_PASSWORD": one.sentinel_password}
        return {**os.environ, **{k: v.reveal() for k, v in secrets.items() if v is not None}}


def _several(kind: str) -> object:
    return pytest.param(kind, marks=pytest.mark.slow)


@pytest.fixture(params=["server", _several("cluster"), _several("sentinels")])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tls_identity: Identity
) -> Iterator[Site]:
    """Of every layout one that is locked."""
    with _up(request.param, tmp_path_factory.mktemp("site"), locked(tls_identity)) as one:
        yield one


@contextmanager
def _up(kind: str, folder: Path, access: Access) -> Iterator[Site]:
    which = present(REDIS_7)  # the one here that was built with TLS
    group: Server | Cluster | Replicated
    match kind:
        case "server":
            known = {"tls": access.tls, "password": access.password}
            group = Server(which, folder, *access.users, **known)  # type: ignore[arg-type]
        case "cluster":
            group = Cluster(which, folder, access=access)
        case _:
            group = Replicated(which, folder, access=access)
    with group:
        yield Site(group, access)


async def work(folder: Path, environment: dict[str, str], *ids: str) -> str:
    """Have the command work until these are handled, and stop it gently; what it said."""
    log = folder / "work.log"
    words = ("work", "stream:wechat", "--to", "python:handlers:handle")
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wxgate.cli", *words),
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=file,
        )
    try:
        async with asyncio.timeout(PATIENCE):
            while not _seen(folder) >= set(ids):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)  # another process writes it
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0, log.read_text()
    except TimeoutError:
        pytest.fail(f"not all are handled\n{log.read_text()}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return log.read_text()


def _seen(folder: Path) -> set[str]:
    seen = folder / "seen"
    return set(seen.read_text().split()) if seen.exists() else set()


@pytest.mark.parametrize("table", ["state.redis", "stream.wechat.redis"])
def test_it_says_who_it_is(site: Site, tmp_path: Path, table: str) -> None:
    """As the file has it, wherever that is; all is handled, and acknowledged."""
    (tmp_path / "handlers.py").write_text(HANDLERS)
    (tmp_path / "wxgate.toml").write_text(site.table(table))
    some = messages(range(1, 51))

    async def run() -> str:
        gateway, worker = site.place(site.access.gateway), site.place(site.access.worker)
        async with hub(gateway, reader=worker) as one:
            await one.put(some)
            said = await work(tmp_path, site.environment, *(message.id for message in some))
            await until_pending(one)
            return said

    said = asyncio.run(run())
    assert "WARNING" not in said, said
