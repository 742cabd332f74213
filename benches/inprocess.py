"""Messages through the gateway in this process, for callgrind to count the Python around the core.

``instructions.py`` has a sum written whenever ``ctermid`` is called, which only ``mark`` does: what
is between two marks is one bench. Its name and its messages go to standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import uvloop

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server
from wechat import ACCOUNT, AES_KEY, APPID, TEXT, TOKEN, USER, Push, push
from wxcore._wxcore import Gateway as Core
from wxgate.gateway import Gateway
from wxgate.reading import Reading
from wxgate.scheduler import handing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

_WARM = 256
"""Messages before those that are counted: the interpreter has specialised its code by then."""
_COUNTED = 1536
_AT_ONCE = 32
_LOOK_S = 0.05
# Under callgrind each turn of the loop takes so long that messages would have to queue.
_CONFIG = """\
[server]
listen = "127.0.0.1:8080"

[journal]
dir = "{folder}/journal"

[overload]
enabled = false

{accounts}
[[route]]
to = "{to}"

{more}"""
_STREAM = """\
[state.redis]
url = "{redis}"
budget = 1.0

[[limit]]
name = "one-user"
per = "openid"
rate = "1000000/s"
"""
_ACCOUNT = """\
[account.{name}]
kind = "official"
appid = "{appid}"
token = ["file:token"]
aes_key = ["file:aes_key"]

"""


def mark(name: str = "") -> None:
    """End what is counted, as the bench of that name; or what is not."""
    os.ctermid()
    if name:
        sys.stdout.write(f"{name}\t{_COUNTED}\n")


def receive() -> None:
    """Play ``wxcore.Gateway.receive``, called from Python."""
    core = Core(json.dumps({"accounts": [ACCOUNT], "routes": [{}]}).encode())
    requests = [
        ("shop", None, "POST", sent.query, [], sent.body, sent.now * 1000) for sent in _requests()
    ]
    for request in requests[:_WARM]:
        assert core.receive(*request).outcome == "event"
    mark()
    for request in requests[_WARM:]:
        core.receive(*request)
    mark("python/receive, 325 B")


class _Scope:
    method = "POST"
    client = "127.0.0.1:1"

    def __init__(self, sent: Push, account: str) -> None:
        self.path = f"/cb/{account}"
        self.query_string = sent.query
        self.headers = {"content-length": str(len(sent.body))}


class _Body:
    """granian's, which has come."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def add_done_callback(self, tell: Callable[[_Body], None], *, context: Context) -> None:
        asyncio.get_running_loop().call_soon(tell, self, context=context)

    def result(self) -> bytes:
        return self._content


class _Watcher:
    """granian's part of a request."""

    def __init__(self, sent: Push, account: str) -> None:
        self.scope = _Scope(sent, account)
        self._body = sent.body
        self.ended: Callable[[], None] = _whole

    @property
    def proto(self) -> _Watcher:
        return self

    def __call__(self) -> _Body:
        return _Body(self._body)

    def response_bytes(self, status: int, _: list[tuple[str, str]], body: bytes) -> None:
        assert (status, body) == (200, b"success")

    def done(self) -> None:
        self.ended()

    def err(self, error: BaseException) -> None:
        raise error


async def rsgi(folder: Path, name: str, shops: int = 1, redis: str | None = None) -> None:
    """Play all that a message to ``log:`` takes of ours, from granian's hands on; 32 at once.

    Each is of another user; those of several shops come by turns. With the address of a Redis it
    goes to a stream there, as do its claim and its limit.
    """
    names = [f"shop{number}" for number in range(shops)]
    gateway = Gateway(_configured(folder, names, redis))
    requests = [_Watcher(sent, names[number % shops]) for number, sent in enumerate(_requests())]
    state = await gateway.open()
    loop = asyncio.get_running_loop()
    hand = handing(Reading(state.pipeline, loop, copy_context()), loop, _whole)

    async def played(some: list[_Watcher]) -> None:
        for at in range(0, len(some), _AT_ONCE):
            batch = some[at : at + _AT_ONCE]
            left, over = len(batch), loop.create_future()

            def ended(over: asyncio.Future[None] = over) -> None:
                nonlocal left
                left -= 1
                if not left:
                    over.set_result(None)

            for request in batch:
                request.ended = ended
                hand(request)
            await over
        while any(  # noqa: ASYNC110 (a dispatcher has no event for it)
            one.waiting or one.in_flight for one in state.dispatcher.snapshot()
        ):
            await asyncio.sleep(_LOOK_S)

    await played(requests[:_WARM])
    mark()
    await played(requests[_WARM:])
    mark(name)
    await gateway.aclose()


def _configured(folder: Path, names: list[str], redis: str | None) -> Path:
    accounts = "".join(_ACCOUNT.format(name=one, appid=APPID) for one in names)
    to, more = ("log:", "") if redis is None else ("stream:events", _STREAM.format(redis=redis))
    config = folder / "wxgate.toml"
    config.write_text(_CONFIG.format(accounts=accounts, folder=folder, to=to, more=more))
    config.with_name("token").write_text(TOKEN)
    config.with_name("aes_key").write_text(AES_KEY)
    return config


def _whole(*_: object) -> NoReturn:
    raise AssertionError


def _requests() -> list[Push]:
    user = USER.encode()
    return [
        push(TEXT.replace(user, f"{number:028}".encode()), number)
        for number in range(1, _WARM + _COUNTED + 1)
    ]


if __name__ == "__main__":
    receive()
    with tempfile.TemporaryDirectory() as place:
        uvloop.run(rsgi(Path(place), "python/gateway, 325 B"))
    with tempfile.TemporaryDirectory() as place:
        uvloop.run(rsgi(Path(place), "python/gateway, 100 accounts", shops=100))
    with tempfile.TemporaryDirectory() as place, Server(VALKEY_9, Path(place) / "valkey") as server:
        uvloop.run(rsgi(Path(place), "python/gateway, to a stream", redis=f"{server.url}/0"))
