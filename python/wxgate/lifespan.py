"""What a worker holds from start to stop, opened and closed in one place."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from wxcore import Claims as OwnClaims

from wxgate.admin import Admin, Status
from wxgate.admit import Admission
from wxgate.current import Current
from wxgate.dispatch import Board, Dispatcher, NodeBoard
from wxgate.dispatch.build import plan
from wxgate.dispatch.dead import FILE, Dead
from wxgate.flights import Flights
from wxgate.generation import Outflow, build, outflow
from wxgate.history import History
from wxgate.journals import folder, left_behind, lend, open_journal, raw_key, recall
from wxgate.metrics import Counters
from wxgate.pipeline import Pipeline
from wxgate.record import Recorder
from wxgate.refused import RefusalLog
from wxgate.rows import Rows
from wxgate.stores.choice import claims_for, limits_for, nonces_for, pacing_for, store_for
from wxgate.turnstile import Turnstile, turnstile_for

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from wxcore import Journal

    from wxgate.dispatch.pace import Pacing
    from wxgate.handlers import Registered
    from wxgate.settings import Settings
    from wxgate.stores.claims import SharedClaims
    from wxgate.stores.redis.claims import RedisClaims


class Shared(msgspec.Struct, frozen=True):
    """What the parent of several workers made before they forked."""

    counters: memoryview | None = None
    worker: int = 0
    admin: socket.socket | None = None
    stopping: memoryview | None = None
    """One byte, set as soon as the parent is told to stop."""
    give_up: Callable[[], None] | None = None
    """Ends all workers: the journal of one has failed for good."""
    stop: int | None = None
    """A descriptor that becomes, and stays, readable with that byte."""
    board: memoryview | None = None
    nodes: memoryview | None = None
    """Where all workers show how their destinations stand."""
    store: memoryview | None = None
    """And how the store stands that they share with other machines, if there is one."""
    hurry: int | None = None
    """A descriptor that becomes, and stays, readable once a stop has no more time."""
    rows: Rows | None = None
    """Who has a row in counters and board."""
    history: memoryview | None = None
    """Where the parent counts reloads."""
    number: int = 1
    """The generation that the worker starts with."""


class Adopted(msgspec.Struct):
    """A journal of a worker that there is no more, which is delivered from here."""

    place: Path
    """Its folder."""
    journal: Journal
    dispatcher: Dispatcher
    outflow: Outflow


class State(msgspec.Struct):
    """A running worker."""

    pipeline: Pipeline
    dispatcher: Dispatcher
    dead: Dead
    recorder: Recorder
    journal: Journal
    place: Path
    """The journal's folder."""
    counters: Counters
    board: Board
    nodes: NodeBoard
    claims: OwnClaims | SharedClaims
    store: RedisClaims | None
    """What is shared with other machines."""
    admission: Admission
    history: History
    turnstile: Turnstile
    adopted: list[Adopted] = msgspec.field(default_factory=list)
    admin: Admin | None = None

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.pipeline.generation.settings

    @property
    def dispatchers(self) -> list[Dispatcher]:
        """The worker's own, and those of the journals it has taken over."""
        return [self.dispatcher, *(one.dispatcher for one in self.adopted)]


async def open_state(settings: Settings, handlers: Sequence[Registered], shared: Shared) -> State:
    """Compile the configuration and open what it names.

    Raises ``ValueError`` naming every problem, ``ImportError`` or ``AttributeError`` for a function
    that is not there, ``wxcore.JournalError`` for the journal, ``OSError`` for the other stores.
    """
    rows = shared.rows or Rows.of(settings)
    made = plan(settings, handlers)
    place = folder(settings.journal, shared.worker)
    journal = open_journal(settings.journal, place, made.names, _now())
    lend(made.places, place, raw_key(settings.journal))
    generation = build(Current(shared.number, settings, rows), handlers, made, journal)
    counters = Counters(rows.layout(generation.handlers), shared.counters, shared.worker)
    board, nodes = _boards(rows, generation.handlers, shared)
    dead = Dead(Path(settings.journal.dir) / FILE, raw_key(settings.journal))
    turnstile = turnstile_for(settings)
    dispatcher = Dispatcher(
        made.places,
        nodes=generation.outflow.nodes,
        dead=dead,
        tally=counters.tally,
        publish=board.publish,
        cells=nodes.cells,
        pacing=(pacing := pacing_for(generation, counters)),
        pressure=turnstile,
    )
    claims = claims_for(settings)
    limits = limits_for(generation, counters)
    store = store_for(settings, claims, limits, (shared.store, shared.worker))
    flights = Flights(generation.core, store or claims, journal, dispatcher, counters)
    recall(journal, store or claims, flights, generation.outflow.answering, _now())
    recorder = Recorder(journal, flights.recorded, flights.failed, shared.give_up, turnstile.turned)
    admission = Admission(store or claims, nonces_for(settings), limits)
    pipeline = Pipeline(
        generation,
        admission,
        recorder,
        flights,
        counters,
        RefusalLog(),
        turnstile,
        limits=limits,
        stopping=shared.stopping,
    )
    if store is not None:
        await store.open()
    dispatcher.resume(journal, journal.orphans())
    state = State(
        pipeline,
        dispatcher,
        dead,
        recorder,
        journal,
        place,
        counters,
        board,
        nodes,
        claims,
        store,
        admission,
        _history(shared),
        turnstile,
    )
    if not shared.worker:
        _adopt_all(state, handlers, pacing)
    _hear(shared.stop, pipeline.stop)
    _hear(shared.hurry, partial(hasten, state))
    if shared.admin is not None:
        state.admin = await Admin.open(shared.admin, _status(state), counters)
    return state


def _status(state: State) -> Status:
    return Status(
        state.settings.journal.durability,
        state.pipeline,
        state.dispatcher,
        state.journal,
        state.board,
        state.nodes,
        state.claims,
        state.store,
        state.recorder,
        state.history,
        state.turnstile,
    )


async def close_state(state: State) -> None:
    """Stop taking, wait for what is open, release everything; in the reverse order of opening."""
    await state.pipeline.drain()
    left = state.pipeline.left
    await asyncio.gather(*(dispatcher.drain(left) for dispatcher in state.dispatchers))
    if state.admin is not None:
        await state.admin.aclose()
    if state.store is not None:
        await state.store.aclose()
    state.dead.close()
    state.recorder.close()
    for journal in (state.journal, *(one.journal for one in state.adopted)):
        journal.close()
    state.admission.close()
    if state.pipeline.limits is not None:
        state.pipeline.limits.close()
    if not isinstance(state.claims, OwnClaims):
        state.claims.close()


def hasten(state: State) -> None:
    """Stop, or go on stopping, without waiting for anything but the disk."""
    state.pipeline.hasten()
    for dispatcher in state.dispatchers:
        dispatcher.hasten()


def _adopt_all(state: State, handlers: Sequence[Registered], pacing: Pacing | None) -> None:
    """Deliver what journals still hold that nobody writes any more."""
    settings = state.settings
    for place in left_behind(settings.journal, settings.server.workers):
        made = plan(settings, handlers)
        journal = open_journal(settings.journal, place, made.names, _now())
        lend(made.places, place, raw_key(settings.journal))
        for key, until, answer in journal.claims():
            (state.store or state.claims).restore(key, until, answer)
        way = outflow(state.pipeline.generation.core, made, journal)
        dispatcher = Dispatcher(made.places, nodes=way.nodes, dead=state.dead, pacing=pacing)
        dispatcher.resume(journal, journal.orphans())
        state.adopted.append(Adopted(place, journal, dispatcher, way))


def _boards(rows: Rows, handlers: Sequence[str], shared: Shared) -> tuple[Board, NodeBoard]:
    names, worker = rows.names(handlers), shared.worker
    return (
        Board(names, rows.destination_rows, shared.board, worker),
        NodeBoard(rows.nodes, rows.node_rows, shared.nodes, worker),
    )


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
