"""How a worker stands, for `/readyz`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wxgate.label import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxcore import Claims, Journal

    from wxgate.dispatch import Board, Dispatcher, NodeBoard
    from wxgate.history import History
    from wxgate.pipeline import Pipeline
    from wxgate.record import Recorder
    from wxgate.stores.claims import SharedClaims
    from wxgate.stores.redis.claims import RedisClaims
    from wxgate.turnstile import Turnstile
    from wxgate.vitals import Vitals


class Status(msgspec.Struct, frozen=True):
    """What there is to look at in one worker."""

    durability: str
    pipeline: Pipeline
    dispatcher: Dispatcher
    journal: Journal
    board: Board
    nodes: NodeBoard
    claims: Claims | SharedClaims
    store: RedisClaims | None
    recorder: Recorder
    history: History
    turnstile: Turnstile | None = None
    vitals: Vitals | None = None

    def report(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        journal = self.journal.stats()
        draining = self.pipeline.draining
        return {
            "ready": not (draining or self.recorder.refuses or journal["state"] == "poisoned"),
            "draining": draining,
            "in_flight": self.pipeline.in_flight,
            "durability": self.durability,
            "overload": self.turnstile and self.turnstile.standing(),
            "generation": self.pipeline.generation.number,
            "claims": self._claims(),
            "state": {"mode": "local"} if self.store is None else self.store.report(),
            "journal": journal,
            "destinations": [
                msgspec.to_builtins(msgspec.structs.replace(one, name=shown(one.name)))
                for one in self.dispatcher.snapshot()
            ],
            "orphans": list(map(shown, self.dispatcher.orphans)),
        }

    def metrics(self) -> Iterator[str]:
        """Yield what all workers show of themselves, in Prometheus' text format."""
        yield from self.board.render()
        yield from self.nodes.render()
        if self.store is not None:
            yield from self.store.panel.render()
        yield from self.history.render()
        if self.vitals is not None:
            yield from self.vitals.render()

    def _claims(self) -> dict[str, int]:
        """How many messages are remembered, by all workers together if there are several."""
        return {"kept": len(self.claims), "dropped": self.claims.dropped}
