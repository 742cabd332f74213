"""One server as a child process: started, paused, killed, and started again on the same port."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from wxgate.sim.demo.process import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from .flavour import Flavour
    from .tls import Identity

_PATIENCE = 10.0
_LOOK = 0.005
"""Seconds between two looks at another process's port, which has no event to wait for."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_WITHOUT_DISK = ("--save", "", "--appendonly", "no")


def _die_with_parent() -> None:
    """Have the child killed when the tests end, however they end."""
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """A server that keeps nothing on disk unless it is told to. Also a context manager."""

    def __init__(
        self,
        flavour: Flavour,
        folder: Path,
        *options: str,
        tls: Identity | None = None,
        password: str = "",
    ) -> None:
        """Choose a free port; ``options`` are those of the program's command line.

        With ``tls`` it speaks nothing else, if the program was built with it. The ``password`` is
        the default user's: of tests, and of servers towards each other.
        """
        self.tls = tls
        self.password = password
        self.flavour = flavour
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, without a database."""
        return f"redis{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Where its output goes, over all its starts."""
        return self.folder / f"{self.port}.log"

    @property
    def pid(self) -> int:
        """Its process, which has been started."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> Self:
        """Start it, and wait until it answers. Raises ``AssertionError`` with its log if not."""
        self.launch()
        self.until_answering()
        return self

    def launch(self) -> None:
        """Start it without waiting."""
        assert self.flavour.program is not None, self.flavour.otherwise
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.flavour.program, *self._arguments(), *self.options],
                cwd=self.folder,
                env=self.flavour.environment,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 (one call of the C library)
            )

    def _arguments(self) -> tuple[str, ...]:
        base = ("--bind", "127.0.0.1", "--dir", str(self.folder), "--enable-debug-command", "yes")
        known = ("--requirepass", self.password, "--masterauth", self.password)
        rest = (*base, *_WITHOUT_DISK, *(known if self.password else ()))
        if self.tls is None:
            return ("--port", str(self.port), *rest)
        among_them = ("--tls-replication", "yes", "--tls-cluster", "yes")
        return ("--port", "0", "--tls-port", str(self.port), *self.tls.options, *among_them, *rest)

    def until_answering(self) -> None:
        """Wait until it answers anything at all."""
        last = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self.process is not None
            assert self.process.poll() is None, f"it has ended\n{self.log.read_text()}"
            assert time.monotonic() < last, f"it does not answer\n{self.log.read_text()}"
            time.sleep(_LOOK)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.ping()
        except redis.exceptions.ConnectionError:
            return False
        except redis.exceptions.ResponseError:
            return True
        return True

    def client(self, **more: Any) -> redis.Redis:
        """A client for the test's own use; close it."""
        if self.tls is not None:
            more = {"ssl": True, "ssl_ca_certs": str(self.tls.certificate), **more}
        if self.password:
            more = {"password": self.password, **more}
        never = Retry(NoBackoff(), 0)
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=2, retry=never, **more)

    def say(self, *command: Any) -> Any:
        """Send one command on a connection of its own; return the answer."""
        with self.client() as client:
            return client.execute_command(*command)

    def configure(self, **settings: object) -> None:
        """Set settings at run time; `_` stands for `-`."""
        for name, value in settings.items():
            self.say("CONFIG", "SET", name.replace("_", "-"), str(value))

    def cannot_save(self) -> None:
        """Have it fail to write its data to disk, for which it refuses all writes (MISCONF)."""
        # A folder in the place of the file: root may write anywhere else.
        (self._dump / "taken").mkdir(parents=True)
        self.configure(save="3600 1", stop_writes_on_bgsave_error="yes")
        assert self._saves() == "err", "it could be saved all the same"

    def can_save(self) -> None:
        """Have it write its data to disk, and take writes again."""
        (self._dump / "taken").rmdir()
        self._dump.rmdir()
        assert self._saves() == "ok", self.log.read_text()

    @property
    def _dump(self) -> Path:
        return self.folder / "dump.rdb"

    def _saves(self) -> str:
        """Save, and say how that ended."""
        self.say("BGSAVE")
        last = time.monotonic() + _PATIENCE
        while (told := self.say("INFO", "persistence"))["rdb_bgsave_in_progress"]:
            assert time.monotonic() < last, f"it does not end\n{self.log.read_text()}"
            time.sleep(_LOOK)
        return str(told["rdb_last_bgsave_status"])

    def pause(self) -> None:
        """Stop it: connections stand, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Kill it and start it again on the same port: what was not on disk is forgotten."""
        self.kill()
        self.start()

    def reset(self) -> None:
        """Bring it back to how it started, for the next test: running, empty, unlimited."""
        self._signal(signal.SIGCONT)
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.configure(maxmemory=0, maxmemory_policy="noeviction", min_replicas_to_write=0)
        self.say("SCRIPT", "FLUSH")
        self.say("CONFIG", "RESETSTAT")
        self.say("FLUSHALL")

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        self.kill()
