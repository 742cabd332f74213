"""Running scripts on whichever server has their keys, connected to when it first has to be."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from hiredis import ReplyError

from wxgate.deadlines import Deadlines
from wxgate.errors import StoreError
from wxgate.redis.link import LostError
from wxgate.redis.place import Place, target
from wxgate.redis.session import UnreachableError
from wxgate.redis.wire import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.redis.link import Link
    from wxgate.redis.script import Script, Word
    from wxgate.redis.session import Address
    from wxgate.settings.redis import RedisPlace

    Asked = asyncio.Future[object]

_HOPS = 16
"""Answers to one call that send us elsewhere, or tell us to ask again."""
_ASKING = command(b"ASKING")
_AGAIN_S = 0.05
"""Until a Cluster that moves keys is asked again."""


class RefusedError(StoreError):
    """The server said no; the text is its own."""


class Runner:
    """One connection to the server, or to each primary of a Cluster that is needed.

    What a call came to is not known where it failed without an answer: it may have been run.
    """

    def __init__(self, settings: RedisPlace, within: float) -> None:
        """Give each answer ``within`` seconds. Raises ``OSError`` for the CA file."""
        self.is_cluster = settings.url.layout == "cluster"
        """Whether keys of different slots must not meet in one call."""
        self._place = Place(settings, b"")
        self._within = within
        self._seeds = deque(settings.url.nodes)
        self._homes: dict[str, Address] = {}
        """Where keys are: the first key of each call in a Cluster, elsewhere all under one name."""
        self._links: dict[Address, Link] = {}
        self._deadlines: Deadlines[Asked] | None = None

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any:  # noqa: ANN401 (whatever the script returns)
        """Run it once, all ``keys`` in one slot. Raises ``StoreError``."""
        home = keys[0] if self.is_cluster else ""
        try:
            return await self._run(script, home, script.write(keys, arguments))
        except BaseException:
            # In a Cluster another may know better whom to ask.
            self._seeds.rotate(-1)
            raise

    async def aclose(self) -> None:
        """Disconnect."""
        for link in self._links.values():
            link.close()
        # One turn of the loop, in which connections are closed for good.
        await asyncio.sleep(0)

    async def _run(self, script: Script, home: str, written: bytes) -> object:
        address, link = await self._find(home)
        said = ""
        for _ in range(_HOPS):
            answer = await self._ask(link, written)
            if not isinstance(answer, ReplyError):
                return answer
            said = str(answer)
            match said.partition(" ")[0]:
                case "NOSCRIPT":
                    written = script.whole(written)
                case "TRYAGAIN":
                    await asyncio.sleep(_AGAIN_S)
                case "MOVED" | "ASK" as how if (there := target(said, address)) is not None:
                    address, link = there, await self._connect(there)
                    self._send_there(home, how, there)
                case _:
                    break
        # Another may be the primary by now, and may know us: it is looked for anew.
        link.close()
        raise RefusedError(said)

    def _send_there(self, home: str, how: str, there: Address) -> None:
        """Note where a Cluster sends us: for good, or to ask there this once."""
        if there not in self._seeds:
            self._seeds.append(there)
        if how == "ASK":
            self._links[there].send(_ASKING, _ignore)
        else:
            self._homes[home] = there

    async def _find(self, home: str) -> tuple[Address, Link]:
        """Find the server that has the keys, or in a Cluster one that may know who has."""
        address = self._homes.get(home)
        if address is not None and (link := self._links.get(address)) and link.is_open:
            return address, link
        self._homes.pop(home, None)
        if self.is_cluster:
            return await self._any()
        address = self._homes[home] = await self._place.locate()
        return address, await self._connect(address)

    async def _any(self) -> tuple[Address, Link]:
        """Connect to one of a Cluster; whoever cannot be reached is asked last."""
        reasons = []
        for _ in range(len(self._seeds)):
            address = self._seeds[0]
            try:
                return address, await self._connect(address)
            except UnreachableError as error:
                reasons.append(str(error))
                self._seeds.rotate(-1)
        raise UnreachableError("; ".join(reasons))

    async def _connect(self, address: Address) -> Link:
        link = self._links.get(address)
        if link is None or not link.is_open:
            link = await self._place.connect(address, self._within)
            if (other := self._links.get(address)) is not None and other.is_open:
                link.close()  # another call was quicker
                return other
            self._links[address] = link
        return link

    async def _ask(self, link: Link, written: bytes) -> object:
        loop = asyncio.get_running_loop()
        if self._deadlines is None:
            self._deadlines = Deadlines(loop, self._within, _expire)
        asked: Asked = loop.create_future()
        self._deadlines.enter(asked)
        link.send(written, partial(_tell, asked))
        try:
            return await asked
        except BaseException:
            # Whoever does not answer now may be gone, and its connection not know it.
            link.close()
            raise
        finally:
            self._deadlines.leave(asked)


def _tell(asked: Asked, answer: object) -> None:
    if asked.done():
        return
    if isinstance(answer, LostError):
        asked.set_exception(answer)
    else:
        asked.set_result(answer)


def _expire(asked: Asked) -> None:
    _tell(asked, LostError("no answer in time"))


def _ignore(_: object) -> None:
    """What the call that follows says is all that matters."""
