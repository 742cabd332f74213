"""``Gateway``: the whole of wxgate as one object that speaks ASGI and RSGI."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

from wxgate import asgi, rsgi
from wxgate.current import Current
from wxgate.errors import ConfigError
from wxgate.handlers import Registered, conditions
from wxgate.lifespan import close_state, open_state
from wxgate.reload import Prepared, apply, discard, prepare
from wxgate.running import Shared, State
from wxgate.settings import Settings, load
from wxgate.settings.restart import check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    from wxgate.asgi import Message, Receive, Send
    from wxgate.pipeline import Pipeline
    from wxgate.sinks.function import Handler
    from wxgate.vitals import Vitals


class Gateway:
    """A gateway, from its configuration and the team's handlers.

    Serve it with ``wxgate serve --app module:gateway``, or with any ASGI or RSGI server.
    """

    def __init__(
        self, settings: Settings | Path | str = "wxgate.toml", *, shared: Shared | None = None
    ) -> None:
        """Read the configuration. Raises ``wxgate.errors.ConfigError`` with every problem."""
        self._source = settings
        self.settings = self._read(settings)
        self.shared = shared or Shared()
        self._handlers: list[Registered] = []
        self._state: State | None = None
        self._opening = asyncio.Lock()

    def on(
        self,
        account: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 (WeChat's word)
        event: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Have a function, async or plain, answer messages; handlers come before the file's routes.

        The function gets an ``Event`` and returns text, a reply object or None. Without arguments
        it takes every message.
        """

        def register(function: Handler) -> Handler:
            self._handlers.append(Registered(conditions(account, type, event), function))
            return function

        return register

    async def open(self) -> State:
        """Start, unless started: compile, open stores and connections."""
        async with self._opening:
            if self._state is None:
                try:
                    self._state = await open_state(self.settings, self._handlers, self.shared)
                finally:
                    # Also of a worker that cannot start: nothing more will come from it.
                    if self.shared.muster is not None:
                        self.shared.muster.told()
                if self.shared.muster is not None:
                    await self.shared.muster.complete()
            return self._state

    @property
    def pipeline(self) -> Pipeline | None:
        """What answers requests, once it has started."""
        return None if self._state is None else self._state.pipeline

    @property
    def vitals(self) -> Vitals | None:
        """What shows how the worker is, once it has started."""
        return None if self._state is None else self._state.vitals

    async def reload(self, settings: Settings | Path | str | None = None) -> bool:
        """Go on under another configuration, that of the same file unless another is given.

        What is not open yet starts with it. All of it is taken, or nothing: raises
        ``wxgate.errors.ConfigError`` with every problem, keys that need a restart among them, and
        ``ImportError``, ``AttributeError``, ``OSError`` or ``StoreError`` for what it names and is
        not there. Requests that are under way end as they began. Returns whether anything changed.
        """
        source = self._source if settings is None else settings
        async with self._opening:
            if self._state is None:
                self.settings = self._read(source)
                return True
            history = self._state.history
            try:
                changed = self._turn(self._state, self._read(source))
            except Exception as error:
                history.count("invalid" if isinstance(error, ConfigError) else "refused")
                raise
            history.count("applied" if changed else "unchanged")
            return changed

    def _read(self, source: Settings | Path | str) -> Settings:
        return source if isinstance(source, Settings) else load(Path(source))

    def _turn(self, state: State, settings: Settings) -> bool:
        before = state.pipeline.generation
        if settings == before.settings:
            return False
        check(before.settings, settings)
        rows = before.rows.extended(settings)
        self.commit(self.prepare(Current(before.number + 1, settings, rows)))
        return True

    def prepare(self, proposed: Current) -> Prepared:
        """Build what ``commit`` swaps in. Raises as ``reload`` does."""
        assert self._state is not None  # noqa: S101 (for mypy: only who is open is asked)
        return prepare(self._state, proposed, self._handlers)

    def commit(self, prepared: Prepared) -> None:
        """Swap in what was prepared."""
        if self._state is not None:
            apply(self._state, prepared)
            self.settings = prepared.generation.settings
            if self.shared.history is None:
                self._state.history.applied(prepared.generation.number)

    async def discard(self, prepared: Prepared) -> None:
        """Drop what was prepared."""
        if self._state is not None:
            await discard(self._state, prepared)

    async def aclose(self) -> None:
        """Drain and stop."""
        state, self._state = self._state, None
        if state is not None:
            await close_state(state)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.aclose()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "http":
            await asgi.serve(self._state or await self.open(), scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> Awaitable[None]:
        """Speak RSGI."""
        if self._state is None:
            return self._open_for(scope, protocol)
        return rsgi.serve(self._state, scope, protocol)

    async def _open_for(self, scope: Scope, protocol: HTTPProtocol) -> None:
        await rsgi.serve(await self.open(), scope, protocol)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start with a granian worker."""
        loop.run_until_complete(self.open())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop with a granian worker."""
        loop.run_until_complete(self.aclose())
