"""What a scrape tells of each worker."""

from __future__ import annotations

import asyncio
import re
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from .services import Scripted
from .theatre import Theatre, until

if TYPE_CHECKING:
    from .conftest import Crew

_LINE = re.compile(r'^wxgate_(\w+)\{worker="(\d)"\} ([\d.]+)$')


def shown(theatre: Theatre) -> dict[tuple[str, int], float]:
    """The figures, by name and worker."""
    found = map(_LINE.match, theatre.state.vitals.render())
    return {(one[1], int(one[2])): float(one[3]) for one in found if one}


def test_a_worker_is_seen_from_any_other(crew: Crew) -> None:
    """The journal's size and what it may be, and for how long a message has waited."""

    async def run() -> None:
        async with Scripted(status=410) as service:
            one, two = crew(f'[[route]]\nto = "{service.url}"\n')
            settings = one.gateway.settings
            async with one.gateway, two.gateway:
                assert shown(one)["oldest_seconds", 1] == 0
                before = time.monotonic()
                await two.play("shop", "text")
                await until(lambda: two.state.dispatcher.snapshot()[0].parked)
                two.state.vitals.look()
                await asyncio.sleep(0.1)
                found = shown(one)
                age = found["oldest_seconds", 1]
                assert 0.05 < age <= time.monotonic() - before + 0.01
                assert found["oldest_seconds", 0] == 0
                for at in range(2):
                    assert found["journal_max_bytes", at] == settings.journal.max_bytes
                    assert 0 < found["journal_bytes", at] < settings.journal.max_bytes
                    assert found["claims_dropped_total", at] == found["overload_level", at] == 0
                info = f'wxgate_info{{version="{version("wxgate")}"}} 1'
                assert info in list(one.state.vitals.render())

    asyncio.run(run())
