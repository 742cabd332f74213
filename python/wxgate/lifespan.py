"""What a worker holds from start to stop, opened and closed in one place."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.admin import Admin, Status
from wxgate.admit import Admission
from wxgate.current import Current
from wxgate.dispatch import Board, Dispatcher, NodeBoard
from wxgate.dispatch.build import Plan, plan
from wxgate.dispatch.dead import FILE, Dead
from wxgate.flights import Flights
from wxgate.generation import Generation, build, outflow
from wxgate.history import History
from wxgate.journals import folder, left_behind, lend, open_journal, raw_key, recall
from wxgate.metrics import Counters
from wxgate.pipeline import Pipeline
from wxgate.record import Recorder
from wxgate.refused import RefusalLog
from wxgate.rows import Rows
from wxgate.running import Adopted, Shared, State, Stores, WayOut
from wxgate.stores.choice import claims_for, limits_for, nonces_for, pacing_for, store_for
from wxgate.turnstile import turnstile_for
from wxgate.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxcore import Journal

    from wxgate.handlers import Registered
    from wxgate.settings import Settings


async def open_state(settings: Settings, handlers: Sequence[Registered], shared: Shared) -> State:
    """Compile the configuration and open what it names.

    Raises ``ValueError`` naming every problem, ``ImportError`` or ``AttributeError`` for a function
    that is not there, ``wxcore.JournalError`` for the journal, ``OSError`` for the other stores.
    """
    rows = shared.rows or Rows.of(settings)
    made = plan(settings, handlers)
    place = folder(settings.journal, shared.worker)
    journal = _open_journal(settings, place, made)
    generation = build(Current(shared.number, settings, rows), handlers, made, journal)
    counters = Counters(rows.layout(generation.handlers), shared.counters, shared.worker)
    stores = _stores(generation, counters, shared)
    way = _way_out(generation, made, counters, rows, shared)
    pipeline, recorder = _way_in(generation, journal, way, stores, counters, shared)
    if stores.shared is not None:
        await stores.shared.open()
    way.dispatcher.resume(journal, journal.orphans())
    shown = _history(shared), Vitals(shared.vitals, shared.worker)
    state = State(pipeline, way, recorder, journal, place, counters, stores, *shown)
    if not shared.worker:
        _adopt_all(state, handlers)
    state.vitals.watch(state)
    _hear(shared.stop, pipeline.stop)
    _hear(shared.hurry, partial(hasten, state))
    if shared.admin is not None:
        state.admin = await Admin.open(shared.admin, _status(state), counters)
    return state


def _open_journal(settings: Settings, place: Path, made: Plan) -> Journal:
    """Open the journal in a folder, and let the destinations have what they need of it."""
    journal = open_journal(settings.journal, place, made.names, _now())
    lend(made.places, place, raw_key(settings.journal))
    return journal


def _stores(generation: Generation, counters: Counters, shared: Shared) -> Stores:
    settings = generation.settings
    claims, limits = claims_for(settings, shared.claims), limits_for(generation, counters)
    store = store_for(settings, claims, limits, (shared.store, shared.worker))
    admission = Admission(store or claims, nonces_for(settings), limits)
    return Stores(claims, limits, store, admission)


def _way_out(
    generation: Generation, made: Plan, counters: Counters, rows: Rows, shared: Shared
) -> WayOut:
    """What delivers: nothing before ``resume``."""
    settings, names, worker = generation.settings, rows.names(generation.handlers), shared.worker
    board = Board(names, rows.destination_rows, shared.board, worker)
    nodes = NodeBoard(rows.nodes, rows.node_rows, shared.nodes, worker)
    dead = Dead(Path(settings.journal.dir) / FILE, raw_key(settings.journal))
    turnstile = turnstile_for(settings)
    dispatcher = Dispatcher(
        made.places,
        nodes=generation.outflow.nodes,
        dead=dead,
        tally=counters.tally,
        publish=board.publish,
        cells=nodes.cells,
        pacing=pacing_for(generation, counters),
        pressure=turnstile,
    )
    return WayOut(dispatcher, dead, board, nodes, turnstile)


def _way_in(
    generation: Generation,
    journal: Journal,
    way: WayOut,
    stores: Stores,
    counters: Counters,
    shared: Shared,
) -> tuple[Pipeline, Recorder]:
    """What takes messages, and knows those that the journal still holds."""
    turnstile = way.turnstile
    flights = Flights(generation.core, stores.known, journal, way.dispatcher, counters)
    recall(journal, stores.known, flights, generation.outflow.answering, _now())
    recorder = Recorder(journal, flights.recorded, flights.failed, shared.give_up, turnstile.turned)
    pipeline = Pipeline(
        generation,
        stores.admission,
        recorder,
        flights,
        counters,
        RefusalLog(),
        turnstile,
        limits=stores.limits,
        stopping=shared.stopping,
    )
    return pipeline, recorder


def _status(state: State) -> Status:
    return Status(
        state.settings.journal.durability,
        state.pipeline,
        state.dispatcher,
        state.journal,
        state.way.board,
        state.way.nodes,
        state.stores.claims,
        state.stores.shared,
        state.recorder,
        state.history,
        state.way.turnstile,
        state.vitals,
    )


async def close_state(state: State) -> None:
    """Stop taking, wait for what is open, release everything; in the reverse order of opening."""
    await state.pipeline.drain()
    left = state.pipeline.left
    await asyncio.gather(*(dispatcher.drain(left) for dispatcher in state.dispatchers))
    if state.admin is not None:
        await state.admin.aclose()
    state.vitals.close()
    stores = state.stores
    if stores.shared is not None:
        await stores.shared.aclose()
    state.way.dead.close()
    state.recorder.close()
    for journal in (state.journal, *(one.journal for one in state.adopted)):
        journal.close()
    stores.admission.close()
    if state.pipeline.limits is not None:
        state.pipeline.limits.close()


def hasten(state: State) -> None:
    """Stop, or go on stopping, without waiting for anything but the disk."""
    state.pipeline.hasten()
    for dispatcher in state.dispatchers:
        dispatcher.hasten()


def _adopt_all(state: State, handlers: Sequence[Registered]) -> None:
    """Deliver what journals still hold that nobody writes any more."""
    settings, way = state.settings, state.way
    for place in left_behind(settings.journal, settings.server.workers):
        made = plan(settings, handlers)
        journal = _open_journal(settings, place, made)
        for key, until, answer in journal.claims():
            state.stores.known.restore(key, until, answer)
        flow = outflow(state.pipeline.generation.core, made, journal)
        pacing = way.dispatcher.pacing
        dispatcher = Dispatcher(made.places, nodes=flow.nodes, dead=way.dead, pacing=pacing)
        dispatcher.resume(journal, journal.orphans())
        state.adopted.append(Adopted(place, journal, dispatcher, flow))


def _history(shared: Shared) -> History:
    history = History(shared.history)
    if shared.history is None:
        history.applied(shared.number)
    return history


def _hear(descriptor: int | None, act: Callable[[], None]) -> None:
    """Call ``act`` once when the descriptor becomes readable."""
    if descriptor is None:
        return
    loop = asyncio.get_running_loop()

    def heard() -> None:
        loop.remove_reader(descriptor)
        act()

    loop.add_reader(descriptor, heard)


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
