"""A running worker: everything that it holds from start to stop, and what its parent gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from wxcore import Claims as OwnClaims
    from wxcore import Journal

    from wxgate.admin import Admin
    from wxgate.admit import Admission
    from wxgate.dispatch import Board, Dispatcher, NodeBoard
    from wxgate.dispatch.dead import Dead
    from wxgate.generation import Outflow
    from wxgate.history import History
    from wxgate.limits import Limits
    from wxgate.metrics import Counters
    from wxgate.muster import Muster
    from wxgate.pipeline import Pipeline
    from wxgate.record import Recorder
    from wxgate.rows import Rows
    from wxgate.settings import Settings
    from wxgate.stores.claims import Ground, SharedClaims
    from wxgate.stores.redis.claims import RedisClaims
    from wxgate.turnstile import Turnstile
    from wxgate.vitals import Vitals


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
    vitals: memoryview | None = None
    """Where each worker shows how it is."""
    history: memoryview | None = None
    """Where the parent counts reloads."""
    number: int = 1
    """The generation that the worker starts with."""
    claims: Ground | None = None
    """Memory for the claims of all workers, if there are several."""
    muster: Muster | None = None
    """And who of them has told the others what its journal remembers."""


class Adopted(msgspec.Struct):
    """A journal of a worker that there is no more, which is delivered from here."""

    place: Path
    """Its folder."""
    journal: Journal
    dispatcher: Dispatcher
    outflow: Outflow


class Stores(msgspec.Struct, frozen=True):
    """What a worker remembers, and what it shares with others."""

    claims: OwnClaims | SharedClaims
    limits: Limits | None
    shared: RedisClaims | None
    """What is shared with other machines."""
    admission: Admission

    @property
    def known(self) -> RedisClaims | OwnClaims | SharedClaims:
        """What says whether a message is new."""
        return self.shared or self.claims


class WayOut(msgspec.Struct, frozen=True):
    """What delivers, and where it shows how it stands."""

    dispatcher: Dispatcher
    dead: Dead
    board: Board
    nodes: NodeBoard
    turnstile: Turnstile


class State(msgspec.Struct):
    """A running worker."""

    pipeline: Pipeline
    way: WayOut
    recorder: Recorder
    journal: Journal
    place: Path
    """The journal's folder."""
    counters: Counters
    stores: Stores
    history: History
    vitals: Vitals
    adopted: list[Adopted] = msgspec.field(default_factory=list)
    admin: Admin | None = None

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.pipeline.generation.settings

    @property
    def dispatcher(self) -> Dispatcher:
        """What delivers from the worker's own journal."""
        return self.way.dispatcher

    @property
    def dispatchers(self) -> list[Dispatcher]:
        """The worker's own, and those of the journals it has taken over."""
        return [self.dispatcher, *(one.dispatcher for one in self.adopted)]
