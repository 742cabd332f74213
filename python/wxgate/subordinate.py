"""A worker's side of a reload: it does what the parent says, and tells what came of it."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

from wxgate.channel import Abort, Commit, Hello, Outcome, Prepare
from wxgate.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from wxgate.channel import Channel
    from wxgate.gateway import Gateway
    from wxgate.reload import Prepared

_LOG = logging.getLogger("wxgate.reload")


class Subordinate:
    """Listens to the parent for as long as the worker's loop runs."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, gateway: Gateway, channel: Channel, number: int
    ) -> None:
        """Say that the worker is there, with the generation that it has started with."""
        self._gateway = gateway
        self._channel = channel
        self._prepared: Prepared | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = loop
        channel.send(Hello(os.getpid(), number))
        self._loop.add_reader(channel.fileno(), self._hear)

    def close(self) -> None:
        """Listen no more."""
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()

    def _hear(self) -> None:
        try:
            messages = self._channel.receive()
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self._loop.remove_reader(self._channel.fileno())
            # Without a parent nobody would reload it, replace it, or tell it to stop.
            _LOG.critical("the parent is gone: this worker stops")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        for message in messages:
            match message:
                case Prepare():
                    self._channel.send(Outcome(message.ticket, self._prepare(message)))
                case Commit(ticket):
                    self._commit()
                    self._channel.send(Outcome(ticket))
                case Abort(ticket):
                    self._drop()
                    self._channel.send(Outcome(ticket))
                case _:
                    pass

    def _prepare(self, message: Prepare) -> tuple[str, ...]:
        """Build the generation; return why it cannot be, if it cannot."""
        self._drop()
        try:
            self._prepared = self._gateway.prepare(message.current)
        except ConfigError as error:
            return tuple(map(str, error.problems))
        except Exception as error:  # noqa: BLE001 (the team's own modules are imported here)
            return (f"{type(error).__name__}: {error}",)
        return ()

    def _commit(self) -> None:
        if self._prepared is not None:
            prepared, self._prepared = self._prepared, None
            self._gateway.commit(prepared)
            level = prepared.generation.settings.server.log_level
            logging.getLogger().setLevel(level.upper())

    def _drop(self) -> None:
        if self._prepared is not None:
            prepared, self._prepared = self._prepared, None
            self._keep(self._gateway.discard(prepared))

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
