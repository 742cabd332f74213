"""One version of the configuration, built whole before anything goes by it.

Each request goes by one generation from its first byte to its answer. A reload builds the next one
beside it, and swaps them between two requests; whatever a table of the configuration decides at run
time hangs on the generation, or on a place of its plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from wxcore._wxcore import Gateway as Core

from wxgate.journals import nodes_of
from wxgate.settings import core_blob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wxcore import Journal

    from wxgate.current import Current
    from wxgate.dispatch import Place, Plan
    from wxgate.dispatch.pace import Row
    from wxgate.dispatch.reader import Nodes
    from wxgate.handlers import Registered
    from wxgate.rows import Rows
    from wxgate.settings import Settings


class Outflow(msgspec.Struct, frozen=True):
    """Where the messages of one journal go."""

    plan: Plan
    places: Mapping[int, Place]
    """By the journal's index."""
    nodes: Nodes
    answering: frozenset[int]
    """The places whose answers are waited for, by the journal's index."""


class Generation(msgspec.Struct, frozen=True):
    """What one configuration means to one worker."""

    number: int
    """1 at the start; each reload that is applied adds one."""
    settings: Settings
    core: Core
    outflow: Outflow
    budgets: Mapping[str, float]
    """Seconds until WeChat is answered, of accounts that have their own."""
    with_headers: frozenset[str]
    """Accounts that are verified by their headers."""
    rows: Rows
    """The names that have counters."""

    @property
    def is_for_one(self) -> bool:
        """Whether there is only one tenant."""
        kinds = [kind for _, kind in self.core.accounts()]
        return len(kinds) == 1 and "component" not in kinds

    @property
    def limit_rows(self) -> tuple[int, ...]:
        """For each limit of the file the row of its counters."""
        return tuple(self.rows.limits.index(one.name) for one in self.settings.limit)

    def paces(self, event: bytes) -> Sequence[Row]:
        """Return the limits under which an event is delivered, each with the row of its counters.

        Known by its row, a limit is counted rightly also after a reload.
        """
        rows = self.limit_rows
        found = self.core.paces(event)
        return [(key, every, burst, rows[rule]) for key, every, burst, rule in found]

    @property
    def handlers(self) -> list[str]:
        """The names of the team's own handlers, who come before the routes of the file."""
        count = len(self.outflow.plan.routes) - len(self.settings.route)
        return self.outflow.plan.names[:count]


def build(
    current: Current, handlers: Sequence[Registered], made: Plan, journal: Journal
) -> Generation:
    """Compile a configuration for a journal; nothing goes by it yet.

    Raises ``ValueError`` naming every problem, ``wxcore.JournalError`` for too many destinations.
    """
    settings = current.settings
    indexes = _indexes(journal, made)
    core = Core(_blob(settings, handlers), [indexes[place] for place in made.routes])
    budgets = ((name, account.budget) for name, account in settings.account.items())
    return Generation(
        number=current.number,
        settings=settings,
        core=core,
        outflow=_outflow(core, made, indexes),
        budgets={name: seconds for name, seconds in budgets if seconds},
        with_headers=frozenset(name for name, _ in core.accounts() if core.needs_headers(name)),
        rows=current.rows,
    )


def outflow(core: Core, made: Plan, journal: Journal) -> Outflow:
    """Say where the messages of another journal go."""
    return _outflow(core, made, _indexes(journal, made))


def _indexes(journal: Journal, made: Plan) -> list[int]:
    # A name may be a text of its own class, which the core would not take.
    return journal.extend([str(name) for name in made.names])


def _outflow(core: Core, made: Plan, indexes: Sequence[int]) -> Outflow:
    return Outflow(
        made,
        dict(zip(indexes, made.places, strict=True)),
        nodes_of(core, [indexes[place] for place in made.routes]),
        frozenset(indexes[place] for place in made.answering),
    )


def _blob(settings: Settings, handlers: Sequence[Registered]) -> bytes:
    """The core's configuration; the routes to functions of this process come first."""
    blob = core_blob(settings)
    if not handlers:
        return blob
    document = msgspec.json.decode(blob)
    document["routes"] = [
        *({"when": one.when, "upstream": None, "reply": "wait", "also": False} for one in handlers),
        *document["routes"],
    ]
    return msgspec.json.encode(document)


def unused(made: Plan, before: Plan) -> list[Place]:
    """Return the places of a plan whose sinks the other does not have."""
    kept = {id(place.sink) for place in before.places}
    return [place for place in made.places if id(place.sink) not in kept]
