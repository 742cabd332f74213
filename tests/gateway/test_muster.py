"""Two workers of one machine start to serve together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from wxcore import JournalError
from wxgate import Gateway
from wxgate.muster import Muster

if TYPE_CHECKING:
    from .conftest import Crew


def test_nobody_serves_before_all_have_told(crew: Crew) -> None:
    """Else a retry would be new that another worker's journal holds."""

    async def run() -> None:
        block = memoryview(bytearray(2))
        first, second = (theatre.gateway for theatre in crew())
        for worker, gateway in enumerate((first, second)):
            gateway.shared = replace(gateway.shared, muster=Muster(block, worker))
        opening = asyncio.create_task(first.open())
        while not block[0]:  # noqa: ASYNC110 (as worker of another process it would tell nobody)
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        assert not opening.done()
        await second.open()
        await opening
        await asyncio.gather(first.aclose(), second.aclose())

    asyncio.run(run())


def test_a_worker_that_cannot_start_holds_nobody(crew: Crew) -> None:
    """Nothing more will come from it."""

    async def run() -> None:
        block = memoryview(bytearray(2))
        _, second = (theatre.gateway for theatre in crew())
        await second.open()
        shared = replace(second.shared, muster=Muster(block, 1))
        with pytest.raises(JournalError):
            await Gateway(second.settings, shared=shared).open()
        assert bytes(block) == b"\0\1"
        await second.aclose()

    asyncio.run(run())


def test_one_that_was_killed_is_not_waited_for_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """Senders wait as well."""
    muster = Muster(memoryview(bytearray(3)), 1)
    muster.told()
    asyncio.run(muster.complete(0.01))
    assert "worker(s) 0, 2 have not told" in caplog.text
