"""What a worker holds from start to stop, opened and closed in one place."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from wxcore import Claims as OwnClaims
from wxcore import Limits as OwnLimits
from wxcore._wxcore import Gateway as Core

from wxgate.admin import Admin, Status
from wxgate.admit import Admission
from wxgate.dispatch import Board, Dispatcher
from wxgate.dispatch.build import plan
from wxgate.dispatch.dead import FILE, Dead
from wxgate.dispatch.pace import Pacing
from wxgate.flights import Flights
from wxgate.guard.overload import Overload, OverloadRules
from wxgate.journals import folder, left_behind, lend, nodes_of, open_journal, raw_key, recall
from wxgate.limits import Limits
from wxgate.metrics import Counters, Layout
from wxgate.pipeline import Pipeline
from wxgate.record import Recorder
from wxgate.refused import RefusalLog
from wxgate.settings import Settings, core_blob
from wxgate.turnstile import Turnstile

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from wxcore import Journal

    from wxgate.handlers import Registered
    from wxgate.settings.overload import Overload as OverloadTable
    from wxgate.stores import Claims
    from wxgate.stores.claims import SharedClaims
    from wxgate.stores.limits import SharedLimits
    from wxgate.stores.nonces import Nonces
    from wxgate.stores.redis.claims import RedisClaims

_HANDLERS = 64


@dataclass(frozen=True, slots=True)
class Shared:
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
    """Where all workers show how their destinations stand."""
    store: memoryview | None = None
    """And how the store stands that they share with other machines, if there is one."""


@dataclass(frozen=True, slots=True)
class State:
    """A running worker."""

    pipeline: Pipeline
    dispatcher: Dispatcher
    dead: Dead
    recorder: Recorder
    journal: Journal
    adopted: tuple[tuple[Journal, Dispatcher], ...]
    """Journals of workers that there are no more, which are delivered from here."""
    counters: Counters
    stores: tuple[Nonces | SharedClaims | SharedLimits, ...]
    """What is open in files shared with other workers."""
    store: RedisClaims | None
    """What is shared with other machines."""
    admin: Admin | None
    max_body: int
    body_timeout: float
    drain: float


async def open_state(settings: Settings, handlers: Sequence[Registered], shared: Shared) -> State:
    """Compile the configuration and open what it names.

    Raises ``ValueError`` naming every problem, ``ImportError`` or ``AttributeError`` for a function
    that is not there, ``wxcore.JournalError`` for the journal, ``OSError`` for the other stores.
    """
    core = Core(_blob(settings, handlers))
    made = plan(settings, handlers)
    counters = Counters(layout(settings, made.names), shared.counters, shared.worker)
    board = Board(made.names, destinations(settings), shared.board, shared.worker)
    place = folder(settings.journal, shared.worker)
    journal = open_journal(settings.journal, place, made, _now())
    lend(made, place, raw_key(settings.journal))
    dead = Dead(Path(settings.journal.dir) / FILE, raw_key(settings.journal))
    pacing = _pacing(core, settings, counters)
    turnstile = _turnstile(settings.overload)
    dispatcher = Dispatcher(
        made.places,
        made.routes,
        nodes=nodes_of(core, made),
        dead=dead,
        tally=counters.tally,
        publish=board.publish,
        pacing=pacing,
        pressure=turnstile,
    )
    claims = _claims(settings)
    limited = _limits(settings)
    limits = None if limited is None else Limits(settings.limit, limited, counters)
    store = _store(settings, claims, limits, shared)
    flights = Flights(core, store or claims, journal, dispatcher, counters)
    recall(journal, store or claims, flights, made, _now())
    recorder = Recorder(journal, flights.recorded, flights.failed, shared.give_up, turnstile.turned)
    nonces = _nonces(settings)
    pipeline = Pipeline(
        core,
        Admission(store or claims, nonces, limits),
        recorder,
        flights,
        counters,
        RefusalLog(),
        turnstile,
        budgets=_budgets(settings),
        max_in_flight=settings.server.max_in_flight,
        limits=limits,
        stopping=shared.stopping,
    )
    if store is not None:
        await store.open()
    dispatcher.resume(journal, journal.orphans())
    if shared.stop is not None:
        _hear(shared.stop, partial(pipeline.stop, settings.server.drain))
    abandoned = left_behind(settings.journal, settings.server.workers) if not shared.worker else []
    adopted = [
        _adopt(one, core, settings, handlers, dead, store or claims, pacing) for one in abandoned
    ]
    status = Status(
        settings.journal.durability,
        pipeline,
        dispatcher,
        journal,
        board,
        claims,
        store,
        recorder,
        turnstile,
    )
    admin = None if shared.admin is None else await Admin.open(shared.admin, status, counters)
    return State(
        pipeline,
        dispatcher,
        dead,
        recorder,
        journal,
        tuple(adopted),
        counters,
        tuple(
            one
            for one in (nonces, claims, limited)
            if one is not None and not isinstance(one, OwnClaims | OwnLimits)
        ),
        store,
        admin,
        max_body=settings.server.max_body,
        body_timeout=settings.server.body_timeout,
        drain=settings.server.drain,
    )


async def close_state(state: State) -> None:
    """Stop taking, wait for what is open, release everything; in the reverse order of opening."""
    await state.pipeline.drain(state.drain)
    left = state.pipeline.left
    dispatchers = [state.dispatcher, *(dispatcher for _, dispatcher in state.adopted)]
    await asyncio.gather(*(dispatcher.drain(left) for dispatcher in dispatchers))
    if state.admin is not None:
        await state.admin.aclose()
    if state.store is not None:
        await state.store.aclose()
    state.dead.close()
    state.recorder.close()
    for journal in (state.journal, *(journal for journal, _ in state.adopted)):
        journal.close()
    for store in state.stores:
        store.close()


def _adopt(  # noqa: PLR0913, PLR0917 (wired once)
    place: Path,
    core: Core,
    settings: Settings,
    handlers: Sequence[Registered],
    dead: Dead,
    claims: Claims,
    pacing: Pacing | None,
) -> tuple[Journal, Dispatcher]:
    """Deliver what a journal still holds that nobody writes any more."""
    made = plan(settings, handlers)
    journal = open_journal(settings.journal, place, made, _now())
    lend(made, place, raw_key(settings.journal))
    for key, until, answer in journal.claims():
        claims.restore(key, until, answer)
    dispatcher = Dispatcher(
        made.places, made.routes, nodes=nodes_of(core, made), dead=dead, pacing=pacing
    )
    dispatcher.resume(journal, journal.orphans())
    return journal, dispatcher


def _turnstile(table: OverloadTable) -> Turnstile:
    rules = OverloadRules(wait=table.wait, down=table.down, up=table.up, turn=table.turn)
    return Turnstile(asyncio.get_running_loop(), Overload(rules), enabled=table.enabled)


def _hear(descriptor: int, stop: Callable[[], None]) -> None:
    """Call ``stop`` once when the descriptor becomes readable."""
    loop = asyncio.get_running_loop()

    def heard() -> None:
        loop.remove_reader(descriptor)
        stop()

    loop.add_reader(descriptor, heard)


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


def destinations(settings: Settings) -> int:
    """For how many destinations there are counters: those of the file, and handlers besides."""
    return len(settings.route) + _HANDLERS


def layout(settings: Settings, names: Sequence[str] = ()) -> Layout:
    """Return where each counter stands. Only a worker knows the ``names`` of its destinations."""
    limits = [one.name for one in settings.limit]
    return Layout(list(settings.account), names, destinations(settings), limits)


def _budgets(settings: Settings) -> dict[str, float]:
    general = settings.server.reply_budget
    return {name: account.budget or general for name, account in settings.account.items()}


def _claims(settings: Settings) -> OwnClaims | SharedClaims:
    if settings.server.workers == 1:
        return OwnClaims(settings.state.max_claims, settings.state.max_answers, _now())
    # Imported here: sqlite3 costs 10 ms at the start.
    from wxgate.stores.claims import SharedClaims  # noqa: PLC0415

    return SharedClaims(Path(settings.journal.dir) / "claims.sqlite3")


def _store(
    settings: Settings, claims: OwnClaims | SharedClaims, limits: Limits | None, shared: Shared
) -> RedisClaims | None:
    if settings.state.redis is None:
        return None
    from wxgate.stores.redis.claims import RedisClaims  # noqa: PLC0415 (nobody else pays for it)
    from wxgate.stores.redis.panel import Panel  # noqa: PLC0415 (as above)

    panel = Panel(shared.store, shared.worker)
    return RedisClaims(settings.state.redis, claims, limits, panel)


def _limits(settings: Settings) -> OwnLimits | SharedLimits | None:
    if all(limit.action == "pace" for limit in settings.limit):
        return None
    state, workers = settings.state, settings.server.workers
    if workers == 1:
        return OwnLimits(state.max_limits, state.nodes)
    from wxgate.stores.limits import SharedLimits  # noqa: PLC0415 (as above)

    path = Path(settings.journal.dir) / "limits.sqlite3"
    return SharedLimits(path, state.max_limits, workers, state.nodes)


def _pacing(core: Core, settings: Settings, counters: Counters) -> Pacing | None:
    if not core.has_paces():
        return None
    # Always each worker's part: what is delivered is counted nowhere but here.
    parts = settings.server.workers * settings.state.nodes
    limits = OwnLimits(settings.state.max_limits, parts)
    return Pacing(core.paces, limits, lambda rule, passed: counters.limited(rule, passed=passed))


def _nonces(settings: Settings) -> Nonces | None:
    if not any(account.kind == "partner" for account in settings.account.values()):
        return None
    from wxgate.stores.nonces import Nonces  # noqa: PLC0415 (as above)

    return Nonces(Path(settings.journal.dir) / "nonces.sqlite3")


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
