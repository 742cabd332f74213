"""The parent's side of a reload: it reads and judges the file once, and all workers agree or none.

First every worker builds what the file says (`Prepare`); only when all could does the first one go
by it (`Commit`). A worker that comes up later starts with what is in force, or is told. Reloads
come one after the other: whatever is asked for meanwhile is one more, which reads the newest file.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from threading import Thread
from typing import TYPE_CHECKING

from wxgate.current import Current
from wxgate.errors import ConfigError
from wxgate.settings import load
from wxgate.settings.restart import changes, check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wxgate.council import Council
    from wxgate.history import History, Result
    from wxgate.settings import Settings
    from wxgate.watch import Watch

_LOG = logging.getLogger("wxgate.reload")
_SETTLES = 0.1
"""Seconds without another change after which a change of files is over."""
_SETTLES_WITHIN = 1.0
_RESTS = 0.05
"""Seconds after a reload in which all that is asked for becomes one."""
_SHOWN = 8


class Supervisor:
    """Hears of changes, and sees to them on a thread of its own."""

    def __init__(self, path: Path, council: Council, watch: Watch, history: History) -> None:
        """Serve what the council agreed on last; nothing is heard before ``start``."""
        self._path = path
        self._council = council
        self._watch = watch
        self._history = history
        self._hears, self._tells = os.pipe()
        for end in (self._hears, self._tells):
            os.set_blocking(end, False)
        self._wanted = False
        self._touched: tuple[float, float] | None = None
        """When the first of several changes of files was seen, and the last."""
        self._rests_until = 0.0
        self._closing = False
        self._thread = Thread(target=self._run, name="wxgate-reload", daemon=True)
        self.applied: Callable[[Settings], None] = lambda _: None
        """Told of each configuration that came into force."""

    def start(self) -> None:
        """Hear from now on."""
        self._watch.files([self._path])
        # Whoever has changed it since the process began to start is heard as well.
        self._wanted = self._has_changed()
        self._council.hear(self._hears, self._asked)
        if self._watch.fileno() >= 0:
            self._council.hear(self._watch.fileno(), self._moved)
        self._thread.start()

    def ask(self) -> None:
        """Ask for a reload. May be called in a signal handler, and as often as one likes."""
        try:
            os.write(self._tells, b"!")
        except BlockingIOError:
            return  # it is full of such wishes

    def close(self) -> None:
        """Ask for no more; what is under way need not end."""
        self._closing = True
        self.ask()

    def _has_changed(self) -> bool:
        try:
            return self._load() != self._council.current.settings
        except ConfigError:
            return True

    def _load(self) -> Settings:
        """Read the file, and watch what it names even if that is what is wrong with it."""
        files: set[Path] = set()
        # What changes while it is read must be seen to change.
        self._watch.see()
        try:
            return load(self._path, files=files)
        finally:
            self._watch.files([self._path, *files])

    def _asked(self) -> None:
        # More than these only ask for the same once more.
        os.read(self._hears, 65536)
        self._wanted = True

    def _moved(self) -> None:
        if self._watch.changed() and self._council.current.settings.server.watch:
            now = time.monotonic()
            first, _ = self._touched or (now, now)
            self._touched = first, now

    def _due(self) -> float | None:
        """When to reload; None for not at all."""
        # Without a worker there is nobody to say whether it can be done.
        if not self._council.is_open or not (self._wanted or self._touched):
            return None
        if self._wanted or self._touched is None:
            return self._rests_until
        first, last = self._touched
        return max(self._rests_until, min(first + _SETTLES_WITHIN, last + _SETTLES))

    def _run(self) -> None:
        # They are for the main thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while not self._closing:
            due = self._due()
            if due is not None and due <= time.monotonic():
                self._reload()
            else:
                self._listen(due)

    def _listen(self, until: float | None) -> None:
        try:
            self._council.listen(until)
        except Exception:  # noqa: BLE001 (whatever it is, the next reload must find somebody)
            _LOG.exception("a worker could not be heard")
            time.sleep(_RESTS)

    def _reload(self) -> None:
        self._wanted, self._touched = False, None
        try:
            self._history.count(self._try())
        except Exception:  # noqa: BLE001 (whatever it is, the next reload must find somebody)
            _LOG.exception("the reload failed; the configuration stays as it was")
            self._history.count("refused")
        self._rests_until = time.monotonic() + _RESTS

    def _try(self) -> Result:
        current = self._council.current
        try:
            proposed = self._read(current)
        except ConfigError as error:
            for wrong in error.problems:
                _LOG.error("%s: %s", self._path, wrong)
            _LOG.error("%s is not taken: %d problem(s), see above", self._path, len(error.problems))
            return "invalid"
        if proposed is current:
            _LOG.info("%s says nothing new", self._path)
            return "unchanged"
        if problems := self._council.agree(proposed):
            for problem in problems:
                _LOG.error("%s: %s", self._path, problem)
            _LOG.error("%s is not taken: a worker cannot go by it", self._path)
            return "refused"
        self._take(current.settings, proposed)
        return "applied"

    def _read(self, current: Current) -> Current:
        settings = self._load()
        if settings == current.settings:
            return current
        check(current.settings, settings)
        return Current(current.number + 1, settings, current.rows.extended(settings))

    def _take(self, before: Settings, current: Current) -> None:
        logging.getLogger().setLevel(current.settings.server.log_level.upper())
        self.applied(current.settings)
        self._history.applied(current.number)
        paths = list(changes(before, current.settings))
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        shown = ", ".join(paths[:_SHOWN]) + more
        _LOG.info("generation %d of %s is in force: %s", current.number, self._path, shown)
