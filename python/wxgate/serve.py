"""``wxgate serve``: granian, set up so that strangers cannot hold it."""

from __future__ import annotations

import fcntl
import logging
import mmap
import multiprocessing
import os
import signal
import socket
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels

from wxgate import private, signals, tuning
from wxgate.channel import Door
from wxgate.council import Council
from wxgate.crowd import Crowd
from wxgate.current import Current
from wxgate.descriptors import connections
from wxgate.dispatch import Board, NodeBoard
from wxgate.errors import TakenError
from wxgate.gateway import Gateway
from wxgate.history import SIZE, History
from wxgate.listener import serve_with_bounds
from wxgate.muster import Muster
from wxgate.respawn import RespawningServer
from wxgate.rows import Rows
from wxgate.running import Shared
from wxgate.scheduler import stand
from wxgate.stores.claims import Ground
from wxgate.subordinate import Subordinate
from wxgate.supervisor import Supervisor
from wxgate.vitals import SIZE as VITALS
from wxgate.watch import Watch

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from wxgate.settings import Settings

_HEADERS_WITHIN_MS = 5_000
"""Also the idle limit of a kept-alive connection."""
_BACKLOG = 4096
_KILL_AFTER_S = 1
_FREE_WITHIN_S = 1.0
"""Who joins holds the lock for microseconds; one that was killed with it, for ever."""
_DISK_FAILED = 74
"""``EX_IOERR``: what the process ends with if its journal cannot be written any more."""
_LOG = logging.getLogger("wxgate.serve")
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class _Family:
    """What the workers share: counters, the operator's listener, and who is which worker."""

    def __init__(self, settings: Settings) -> None:
        """Make it all before any worker forks."""
        self._workers = settings.server.workers
        self._parent = os.getpid()
        rows = Rows.of(settings)
        self._counters = memoryview(mmap.mmap(-1, rows.layout().size * self._workers))
        size = Board.size(rows.destination_rows)
        self._board = memoryview(mmap.mmap(-1, size * self._workers))
        self._nodes = memoryview(mmap.mmap(-1, NodeBoard.size(rows.node_rows) * self._workers))
        self._store = None
        if settings.state.redis is not None:
            from wxgate.stores.redis.panel import Panel  # noqa: PLC0415 (nobody else pays for it)

            self._store = memoryview(mmap.mmap(-1, Panel.SIZE * self._workers))
        several = self._workers > 1
        self._claims = Ground.of(settings) if several else None
        self._muster = memoryview(mmap.mmap(-1, self._workers)) if several else None
        self._vitals = memoryview(mmap.mmap(-1, VITALS * self._workers))
        self._history = memoryview(mmap.mmap(-1, SIZE))
        self.history = History(self._history)
        self.history.applied(1)
        self.door = Door()
        self.council = Council(Current(1, settings, rows), self.door)
        self._pids = memoryview(mmap.mmap(-1, 8 * self._workers)).cast("Q")
        self._stopping = memoryview(mmap.mmap(-1, 1))
        self._hears, self._tells = os.pipe()
        self._hurries, self._hastens = os.pipe()
        self._lock = multiprocessing.Lock()
        # Held by the workers as well, who inherit it: until the last of them is gone.
        self._folder = _take(Path(settings.journal.dir))
        admin = settings.server.admin
        self._admin = None if admin is None else _listen(admin.host, admin.port)

    def join(self) -> Shared:
        """Take the first place whose worker is gone. Called in a worker that has just forked."""
        with self._lock:
            free = (at for at, pid in enumerate(self._pids) if not (pid and _alive(pid)))
            worker = next(free, 0)
            self._pids[worker] = os.getpid()
        current = self.council.current
        return Shared(
            counters=self._counters,
            worker=worker,
            admin=self._admin,
            stopping=self._stopping,
            give_up=self._give_up,
            stop=self._hears,
            board=self._board,
            nodes=self._nodes,
            store=self._store,
            hurry=self._hurries,
            rows=current.rows,
            vitals=self._vitals,
            history=self._history,
            number=current.number,
            claims=self._claims,
            muster=None if self._muster is None else Muster(self._muster, worker),
        )

    def forget(self, pid: int) -> None:
        """Free the place of a worker that is gone: its number may be another process's by now."""
        if self._lock.acquire(timeout=_FREE_WITHIN_S):
            try:
                for at, known in enumerate(self._pids):
                    if known == pid:
                        self._pids[at] = 0
            finally:
                self._lock.release()

    def stop(self) -> None:
        """Let every worker know that a stop has begun, before it hears of it itself."""
        self._stopping[0] = self._stopping[0] or 1
        # Nobody reads it: for each worker it stays readable.
        os.write(self._tells, b"!")

    def hasten(self) -> None:
        """Let every worker know that a stop has no more time."""
        os.write(self._hastens, b"!")

    @property
    def has_given_up(self) -> bool:
        """Whether a worker has ended all."""
        return self._stopping[0] == _DISK_FAILED

    def _give_up(self) -> None:
        """End all, from inside a worker whose journal has failed for good."""
        self._stopping[0] = _DISK_FAILED
        # Not whoever adopts an orphan: then it is only this one that is left.
        parent = os.getppid()
        os.kill(parent if parent == self._parent else os.getpid(), signal.SIGTERM)


def serve(path: Path, settings: Settings, app: str | None = None) -> int:
    """Run until a signal; ``settings`` are those of the file at ``path``, which is read again.

    ``app`` names a ``Gateway`` of the team's own, as ``module:name``.

    Returns the exit code. Raises ``TakenError`` if another process has the journal.
    """
    _log_to_stderr(settings.server.log_level)
    family = _Family(settings)
    supervisor = Supervisor(path, family.council, Watch(), family.history)
    server = _granian(settings, family, supervisor)
    signals.hold()
    signals.listen(server.signal_handler_interrupt, supervisor.ask)
    _LOG.info("%s", _about(settings))
    try:
        supervisor.start()
        server.serve(target_loader=_loader(family, app), wrap_loader=False)
    except SystemExit as left:
        # Granian's 1 for workers that were gone first is no failure where all were told to stop.
        if not server.interrupt_signal:
            return int(left.code or 0)
    finally:
        supervisor.close()
        _LOG.info("wxgate has stopped")
    return _DISK_FAILED if family.has_given_up else 0


def _about(settings: Settings) -> str:
    """Say what starts, where it listens and where its messages lie."""
    server, routes = settings.server, settings.route
    counts = (
        (server.workers, "worker"),
        (len(settings.account), "account"),
        (len(routes), "route"),
        (len({str(route.to) for route in routes}), "destination"),
    )
    parts = (
        f"wxgate {version('wxgate')} starts on {server.listen}",
        f"for operators on {server.admin}" if server.admin else "without an operator's listener",
        f"journal in {Path(settings.journal.dir).absolute()}",
        *(f"{count} {noun}{'s' * (count != 1)}" for count, noun in counts),
    )
    return ", ".join(parts)


class _Worker:
    """A gateway inside a worker, which hears no stop before its loop can.

    Until then its signals wait: with the handlers of its parent, or of a loop that does not run, it
    would swallow them, and be killed for not stopping.
    """

    def __init__(self, gateway: Gateway, door: Door) -> None:
        """Take the place of ``gateway`` towards granian; reloads are told through ``door``."""
        self._gateway = gateway
        self._door = door
        self._crowd = Crowd(
            gateway.settings.server.listen.port,
            lambda: gateway.settings.server.max_per_address,
            self._note_closed,
        )
        self.__rsgi__ = gateway.__rsgi__

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start, and let in what has waited once the loop runs for good."""
        self._gateway.__rsgi_init__(loop)
        tuning.has_started()
        if (pipeline := self._gateway.pipeline) is not None:
            stand(pipeline)
        self._crowd.start()
        number = self._gateway.shared.number
        self._subordinate = Subordinate(loop, self._gateway, self._door.knock(), number)
        loop.call_soon(signals.release_stops)

    def _note_closed(self, count: int) -> None:
        if (vitals := self._gateway.vitals) is not None:
            vitals.closed += count

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop."""
        self._crowd.stop()
        self._subordinate.close()
        self._gateway.__rsgi_del__(loop)


def _loader(family: _Family, app: str | None) -> Callable[[], Any]:
    def load() -> _Worker:
        tuning.settle_in()
        settings = family.council.current.settings
        shared = family.join()
        if app is None:
            return _Worker(Gateway(settings, shared=shared), family.door)
        module, _, name = app.partition(":")
        gateway: Gateway = getattr(import_module(module), name)
        # One configuration: that of --config, which listener and counters follow as well.
        gateway.settings, gateway.shared = settings, shared
        return _Worker(gateway, family.door)

    return load


class _Server(RespawningServer):
    """Granian's, which tells the family of a stop at once."""

    family: _Family

    def _spawn_worker(  # type: ignore[override]  # as MPServer's, which its base differs from
        self,
        idx: int,
        target: Any,  # noqa: ANN401
        callback_loader: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return super()._spawn_worker(idx, partial(serve_with_bounds, target), callback_loader)

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Hear a stop in the parent; a second one says that there is no more time."""
        if self.interrupt_signal:
            self.family.hasten()
        else:
            self.family.stop()
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]

    def allow(self, settings: Settings) -> None:
        """Give workers the time to stop that ``settings`` name."""
        self.workers_kill_timeout = max(1, round(settings.server.drain) + _KILL_AFTER_S)


def _granian(settings: Settings, family: _Family, supervisor: Supervisor) -> _Server:
    listen = settings.server.listen
    server = _Server(
        "wxgate.serve",
        address=listen.host,
        port=listen.port,
        interface=Interfaces.RSGI,
        workers=settings.server.workers,
        runtime_threads=1,
        runtime_mode=RuntimeModes.st,
        loop=Loops.uvloop,
        # Not "auto": there a silent connection outlives the header timeout.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_WITHIN_MS),
        websockets=False,
        backlog=_BACKLOG,
        # Counts open connections, not requests, and is divided among the workers by default.
        backpressure=connections(settings),
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        process_name=None,
    )
    server.family = family
    server.gone = family.forget
    server.allow(settings)
    supervisor.applied = server.allow
    return server


def _listen(host: str, port: int) -> socket.socket:
    """Bind the operator's listener once; every worker accepts from it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(64)
    listener.setblocking(False)
    return listener


def _take(folder: Path) -> TextIO:
    """Lock the folder of all journals: two gateways would deliver everything twice."""
    file = private.file(folder / "gateway.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise TakenError(folder) from None
    return file


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        # Another user's is none of ours: the number has gone round.
        return False
    return True


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(_LOG_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])


class _Lines(logging.Formatter):
    """Writes the date anew once a second, not once a line: a third of what a line costs."""

    _last = (0, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Write the time as ``logging`` does by default."""
        second, text = self._last
        if second != int(record.created):
            second = int(record.created)
            text = super().formatTime(record, datefmt or self.default_time_format)
            self._last = (second, text)
        return f"{text},{int(record.msecs):03}"
