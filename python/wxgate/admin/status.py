"""How a worker stands, for `/readyz`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wxcore import Journal

    from wxgate.dispatch import Dispatcher
    from wxgate.pipeline import Pipeline
    from wxgate.record import Recorder


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to look at in one worker."""

    durability: str
    pipeline: Pipeline
    dispatcher: Dispatcher
    journal: Journal
    recorder: Recorder

    def report(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        journal = self.journal.stats()
        draining = self.pipeline.draining
        return {
            "ready": not (draining or self.recorder.refuses or journal["state"] == "poisoned"),
            "draining": draining,
            "in_flight": self.pipeline.in_flight,
            "durability": self.durability,
            "journal": journal,
            "destinations": [asdict(one) for one in self.dispatcher.snapshot()],
            "orphans": list(self.dispatcher.orphans),
        }
