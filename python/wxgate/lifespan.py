"""What a worker holds from start to stop, opened and closed in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from wxcore._wxcore import Gateway as Core

from wxgate.admin import Admin
from wxgate.dispatch import Dispatcher, build_sinks
from wxgate.metrics import Counters, Layout
from wxgate.pipeline import Pipeline
from wxgate.refused import RefusalLog
from wxgate.settings import Settings, core_blob
from wxgate.sinks.function import FunctionSink

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from wxgate.handlers import Registered
    from wxgate.stores.nonces import Nonces

NONCES = Path("data/state/nonces.sqlite3")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the parent of several workers made before they forked."""

    counters: memoryview | None = None
    worker: int = 0
    admin: socket.socket | None = None
    stopping: memoryview | None = None
    """One byte, set as soon as the parent is told to stop."""


@dataclass(frozen=True, slots=True)
class State:
    """A running worker."""

    pipeline: Pipeline
    dispatcher: Dispatcher
    counters: Counters
    nonces: Nonces | None
    admin: Admin | None
    max_body: int
    body_timeout: float
    drain: float


async def open_state(settings: Settings, handlers: Sequence[Registered], shared: Shared) -> State:
    """Compile the configuration and open what it names.

    Raises ``ValueError`` naming every problem, ``ImportError`` or ``AttributeError`` for a function
    that is not there, ``OSError`` for the store of nonces.
    """
    core = Core(_blob(settings, handlers))
    counters = Counters(
        Layout([name for name, _ in core.accounts()]), shared.counters, shared.worker
    )
    sinks = [FunctionSink(one.function) for one in handlers]
    dispatcher = Dispatcher([*sinks, *build_sinks(settings)])
    nonces = _nonces(settings)
    pipeline = Pipeline(
        core,
        dispatcher,
        counters,
        RefusalLog(),
        nonces,
        budgets=_budgets(settings),
        max_in_flight=settings.server.max_in_flight,
        stopping=shared.stopping,
    )
    admin = None if shared.admin is None else await Admin.open(shared.admin, pipeline, counters)
    server = settings.server
    return State(
        pipeline,
        dispatcher,
        counters,
        nonces,
        admin,
        max_body=server.max_body,
        body_timeout=server.body_timeout,
        drain=server.drain,
    )


async def close_state(state: State) -> None:
    """Stop taking, wait for what is open, release everything; in the reverse order of opening."""
    await state.pipeline.drain(state.drain)
    if state.admin is not None:
        await state.admin.aclose()
    await state.dispatcher.aclose()
    if state.nonces is not None:
        state.nonces.close()


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


def _budgets(settings: Settings) -> dict[str, float]:
    general = settings.server.reply_budget
    return {name: account.budget or general for name, account in settings.account.items()}


def _nonces(settings: Settings) -> Nonces | None:
    if not any(account.kind == "partner" for account in settings.account.values()):
        return None
    # Imported here: sqlite3 costs 10 ms at the start, and few gateways have partners.
    from wxgate.stores.nonces import Nonces  # noqa: PLC0415

    return Nonces(NONCES)
