"""A server that says what no real one can be made to say when it is wanted."""

from __future__ import annotations

import asyncio
from typing import Self

import hiredis

INFO = b"redis_version:7.0.0\r\nrun_id:1\r\nrole:master\r\nmaxmemory:0\r\n"


class Fake:
    """Greets as a Redis does, then answers every script with ``says``. An async context manager."""

    def __init__(self, says: bytes) -> None:
        """``says`` are the bytes of an answer, such as ``-LOADING …``."""
        self.says = says
        self.greets = True
        """Whether it does greet, or says the same to everything."""
        self.scripts = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        parser = hiredis.Reader()
        try:
            while data := await reader.read(65536):
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    writer.write(self._answer(command))
        except OSError:
            pass  # the client has hung up
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    def _answer(self, command: list[bytes]) -> bytes:
        if command[0] in {b"EVALSHA", b"EVAL"}:
            self.scripts += 1
            return self.says
        if not self.greets:
            return self.says
        if command[0] == b"INFO":
            return b"$%d\r\n%b\r\n" % (len(INFO), INFO)
        return b"+OK\r\n"
