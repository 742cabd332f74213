"""Has a gateway note when a message gets where: for ``waits.py``, which puts this on its path.

Python imports a module of this name before any other. A clock is read at each station, some 5 µs a
message in all; what is shown are waits of many times that.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STATIONS = ("handed", "come", "asked", "sent", "heard", "appended", "durable", "answered")
_OUTPUT = os.environ.get("WXGATE_BENCH_WAITS")
_EVERY = 2_000
"""Messages after which theirs are written: all at once would hold up the loop that is looked at."""
_clock = time.perf_counter
_open: dict[str, dict[str, float]] = {}
"""Of each message that is under way, by its id, when it was where."""
_seen = array("d")
"""Of each message its times at the stations, in their order."""


def _mark(ids: Iterable[str], station: str) -> None:
    now = _clock()
    for one in ids:
        if (marks := _open.get(one)) is not None:
            marks[station] = now


def _before(owner: Any, name: str, look: Callable[..., None]) -> None:  # noqa: ANN401 (a class or a module)
    """Have a function preceded by a look at its arguments."""
    whole = getattr(owner, name)

    def looked(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever it takes and gives)
        look(*arguments)
        return whole(*arguments, **named)

    setattr(owner, name, looked)


def _after(owner: Any, name: str, before: Callable[..., Any], look: Callable[..., None]) -> None:  # noqa: ANN401 (a class)
    """Have a method followed by a look at it, and at what was seen before."""
    whole = getattr(owner, name)

    def looked(me: Any) -> None:  # noqa: ANN401 (an instance of the class)
        seen = before(me)
        whole(me)
        look(me, seen)

    setattr(owner, name, looked)


def _watch_server() -> None:
    from wxgate import scheduler  # noqa: PLC0415 (not before this is the gateway)

    class Request(scheduler.Request):
        __slots__ = ("marks",)

        def ask(self) -> None:
            self.marks = {"handed": _clock()}
            super().ask()

        def _take(self, body: bytes) -> None:
            self.marks["come"] = _clock()
            super()._take(body)

        def set_result(self, answer: Any) -> None:  # noqa: ANN401 (an answer)
            super().set_result(answer)
            self.marks["answered"] = _clock()
            if all(station in self.marks for station in STATIONS):
                _keep(self.marks)

    scheduler.Request = Request  # type: ignore[misc]


def _watch_pipeline() -> None:
    from wxgate.admit import Admission  # noqa: PLC0415 (as above)

    def asked(_: Admission, __: str, message: Any, ___: int, waiter: Any) -> None:  # noqa: ANN401 (a passage)
        _open[message.id] = marks = waiter._reply.marks  # noqa: SLF001 (to be looked at)
        marks["asked"] = _clock()

    _before(Admission, "claim", asked)


def _watch_claims() -> None:
    from wxgate.stores.redis.exchange import Exchange  # noqa: PLC0415 (as above)

    def ids(run: Any) -> list[str]:  # noqa: ANN401 (a run of the script)
        return [message.id for _, message, *_ in run.asks]

    def sent(exchange: Any, run: Any) -> None:  # noqa: ANN401 (as above)
        if run is not None and run is not exchange._next:  # noqa: SLF001 (as above)
            _mark(ids(run), "sent")

    _after(Exchange, "_flush", lambda me: me._next, sent)  # noqa: SLF001 (as above)
    _before(Exchange, "_give", lambda _, run, *__: _mark(ids(run), "heard"))


def _watch_journal() -> None:
    from wxgate.flights import Flights  # noqa: PLC0415 (as above)
    from wxgate.record import Recorder  # noqa: PLC0415

    def appended(_: Recorder, flights: Any) -> None:  # noqa: ANN401 (flights)
        _mark((one.message_id for one in flights), "appended")

    def durable(_: Flights, __: int, flight: Any) -> None:  # noqa: ANN401 (a flight)
        _mark((flight.message_id,), "durable")
        _open.pop(flight.message_id, None)

    _after(Recorder, "_hand_over", lambda me: me._gathered, appended)  # noqa: SLF001 (as above)
    _before(Flights, "recorded", durable)


def _keep(marks: dict[str, float]) -> None:
    _seen.extend([marks[station] for station in STATIONS])
    if len(_seen) == _EVERY * len(STATIONS):
        with Path(str(_OUTPUT)).open("ab") as output:
            _seen.tofile(output)
        del _seen[:]


if _OUTPUT is not None and "serve" in sys.orig_argv:
    for watch in (_watch_server, _watch_pipeline, _watch_claims, _watch_journal):
        watch()
