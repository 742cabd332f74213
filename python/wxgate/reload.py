"""One worker's part in a reload: to build the next generation, and to swap it in, or not.

`prepare` changes nothing that anybody sees; `apply` cannot fail. Between the two lies the agreement
of all workers (`supervisor.py`). What `prepare` makes holds nothing before it is used, but for
files, which it opens last: if it fails, nothing is left behind.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from wxgate.descriptors import connections
from wxgate.dispatch.build import plan
from wxgate.generation import build, outflow, unused
from wxgate.journals import lend, raw_key
from wxgate.stores.choice import limits_for, nonces_for, pacing_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.current import Current
    from wxgate.dispatch import Place, Plan
    from wxgate.dispatch.pace import Pacing
    from wxgate.generation import Generation, Outflow
    from wxgate.handlers import Registered
    from wxgate.limits import Limits
    from wxgate.running import State
    from wxgate.settings import Settings
    from wxgate.settings.limit import Limit
    from wxgate.stores.nonces import Nonces


class Prepared(msgspec.Struct, frozen=True):
    """A generation that is ready to be swapped in."""

    generation: Generation
    adopted: tuple[Outflow, ...]
    """For each journal that was taken over."""
    nonces: Nonces | None
    """Opened for the first partner."""
    limits: Limits | None
    """Opened for the first limit."""
    pacing: Pacing | None
    """For the first that paces."""


def prepare(state: State, proposed: Current, handlers: Sequence[Registered]) -> Prepared:
    """Build the next generation beside the one in force.

    Raises ``ValueError`` naming every problem, ``ImportError`` or ``AttributeError`` for a function
    that is not there, ``OSError`` or ``StoreError`` for what cannot be opened.
    """
    before, settings = state.pipeline.generation, proposed.settings
    made = plan(settings, handlers, before.outflow.plan)
    generation = build(proposed, handlers, made, state.journal)
    adopted = [
        outflow(generation.core, plan(settings, handlers, one.outflow.plan), one.journal)
        for one in state.adopted
    ]
    _lend(state, made, adopted)
    pacing = None if state.dispatcher.pacing else pacing_for(generation, state.counters)
    nonces, limits = _open(state, generation)
    return Prepared(generation, tuple(adopted), nonces, limits, pacing)


def _open(state: State, generation: Generation) -> tuple[Nonces | None, Limits | None]:
    """Open what there was no need of before; all of it, or nothing stays open."""
    settings = generation.settings
    with ExitStack() as opened:
        nonces = None if state.stores.admission.knows_nonces else nonces_for(settings)
        if nonces is not None:
            opened.callback(nonces.close)
        limits = None if state.pipeline.limits else limits_for(generation, state.counters)
        opened.pop_all()
    return nonces, limits


def apply(state: State, prepared: Prepared) -> None:
    """Swap the generation in, in one step of the loop: no request sees half of it."""
    generation = prepared.generation
    # For its side effect: more destinations need more descriptors.
    connections(generation.settings)
    handlers = generation.handlers
    state.counters.show(generation.rows.layout(handlers))
    state.way.board.show(generation.rows.names(handlers), generation.rows.destination_rows)
    state.way.nodes.show(generation.rows.nodes)
    if prepared.nonces is not None:
        state.stores.admission.remember_nonces(prepared.nonces)
    _limit(state, prepared)
    state.way.turnstile.apply(generation.settings.overload)
    # Destinations first: the next message may already go to one that is new.
    way = generation.outflow
    state.dispatcher.apply(way.places, way.nodes)
    state.dispatcher.orphans = tuple(state.journal.orphans())
    for one, its in zip(state.adopted, prepared.adopted, strict=True):
        one.dispatcher.apply(its.places, its.nodes)
        one.dispatcher.orphans = tuple(one.journal.orphans())
        one.outflow = its
    state.pipeline.apply(generation)


def _limit(state: State, prepared: Prepared) -> None:
    """Go by other limits: what messages have used up is remembered by the names of rules."""
    generation, pacing = prepared.generation, prepared.pacing or state.dispatcher.pacing
    if prepared.limits is not None:
        state.pipeline.limits = prepared.limits
        state.stores.admission.limit(prepared.limits)
        if state.stores.shared is not None:
            state.stores.shared.limits = prepared.limits
    elif state.pipeline.limits is not None:
        state.pipeline.limits.apply(generation.settings.limit, generation.limit_rows)
    if pacing is None:
        return
    pacing.find = generation.paces
    # Where they are the same, what waits goes on waiting: it would only ask once more.
    if prepared.pacing is not None or _paced(generation.settings) != _paced(state.settings):
        for dispatcher in state.dispatchers:
            dispatcher.pace(pacing)


def _paced(settings: Settings) -> Sequence[Limit]:
    """The limits under which messages are delivered."""
    return [one for one in settings.limit if one.action == "pace"]


def _lend(state: State, made: Plan, adopted: Sequence[Outflow]) -> None:
    """Let new destinations read the journal whose messages they get."""
    before = state.pipeline.generation.outflow.plan
    key = raw_key(state.settings.journal)
    lend(unused(made, before), state.place, key)
    for one, its in zip(state.adopted, adopted, strict=True):
        lend(unused(its.plan, one.outflow.plan), one.place, key)


async def discard(state: State, prepared: Prepared) -> None:
    """Drop a generation that is not to be."""
    for place in _unused(state, prepared):
        await place.sink.aclose()
    if prepared.nonces is not None:
        prepared.nonces.close()
    if prepared.limits is not None:
        prepared.limits.close()


def _unused(state: State, prepared: Prepared) -> list[Place]:
    before = state.pipeline.generation.outflow.plan
    new = unused(prepared.generation.outflow.plan, before)
    for one, its in zip(state.adopted, prepared.adopted, strict=True):
        new += unused(its.plan, one.outflow.plan)
    return new
