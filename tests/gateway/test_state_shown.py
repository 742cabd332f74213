"""How workers stand towards the store that machines share, as an operator sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .serving import LOG, Served, counters, get, serving, until

if TYPE_CHECKING:
    from servers.server import Server

    from .conftest import Stage

WORKERS = 2
LINES = {
    "shared": "state: shared in redis://",
    "alone": "state: this node's own claims and limits from now on: ",
}


def lines(served: Served) -> dict[str, int]:
    """How often each change was logged."""
    served.log.seek(0)
    text = served.log.read().decode()
    return {mode: text.count(line) for mode, line in LINES.items()}


def agree(served: Served, mode: str, changes: dict[str, int]) -> None:
    """Wait until metrics say it of all workers; then each of them does, and has logged it once."""
    shown = {f"state_{each}": WORKERS * (each == mode) for each in LINES}
    until(lambda: shown.items() <= counters(served).items(), served)
    for _ in range(4 * WORKERS):
        status, page = get(served.admin, "/readyz")
        assert status == 200, "who is alone is ready"
        assert msgspec.json.decode(page)["state"]["mode"] == mode
    until(lambda: lines(served) == changes, served)


def test_log_metrics_and_readiness_agree_on_each_change(stage: Stage, own_redis: Server) -> None:
    """Of every worker: one line for each, and none besides."""
    state = f'[state.redis]\nurl = "{own_redis.url}"\nbudget = 1.0\n'
    with serving(stage, LOG + state, f"workers = {WORKERS}\n") as (served, _):
        agree(served, "shared", {"shared": WORKERS, "alone": 0})
        own_redis.kill()
        agree(served, "alone", {"shared": WORKERS, "alone": WORKERS})
        own_redis.start()
        agree(served, "shared", {"shared": 2 * WORKERS, "alone": WORKERS})
