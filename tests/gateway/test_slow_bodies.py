"""E1: whoever takes for ever to say what he wants is nobody that others have to wait for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .theatre import ask, until

if TYPE_CHECKING:
    from .conftest import Stage


def test_a_body_that_does_not_come_has_no_others_refused(stage: Stage) -> None:
    """It takes the room of those that wait for the loop, but not for as long as it takes."""
    theatre = stage(server="body_timeout = 60.0")

    async def run() -> None:
        async with theatre.gateway:
            shedder = theatre.state.way.turnstile.shedder
            shedder.room = (1, 1)
            begun: list[None] = []

            async def never() -> Any:
                begun.append(None)
                await asyncio.get_running_loop().create_future()

            async def unsent(_: object) -> None:
                pass

            message, call = theatre.call("shop", "text")
            scope: dict[str, Any] = {"type": "http", "method": "POST", "path": call.path}
            scope |= {"query_string": call.query.encode(), "headers": [], "client": None}
            slow = asyncio.ensure_future(theatre.gateway(scope, never, unsent))
            await until(lambda: begun)
            assert (await ask(theatre.gateway, call)).status == 503
            await until(lambda: shedder._let_in == shedder._begun)  # noqa: SLF001 (it tells nobody)
            assert (await theatre.again("shop", message)).status == 200
            slow.cancel()
            with suppress(asyncio.CancelledError):
                await slow
            assert shedder._let_in == shedder._begun, "counted twice"  # noqa: SLF001 (as above)

    asyncio.run(run())
