"""Has a gateway note when a message gets where: for ``waits.py``, which puts this on its path.

Python imports a module of this name before any other. A clock is read at each station, some 5 µs a
message in all; what is shown are waits of many times that.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STATIONS = (
    *("handed", "turn", "body", "asked", "sent", "heard"),
    *("record", "appended", "durable", "answered"),
)
_OUTPUT = os.environ.get("WXGATE_BENCH_WAITS")
_EVERY = 2_000
"""Messages after which theirs are written: all at once would hold up the loop that is looked at."""
_clock = time.perf_counter
_marks: ContextVar[dict[str, float]] = ContextVar("marks")
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
    from wxgate import rsgi, scheduler  # noqa: PLC0415 (not before this is the gateway)

    class Reading(scheduler._Reading):  # noqa: SLF001 (to be looked at)
        __slots__ = ("handed",)

        def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 (as it is)
            self.handed = _clock()
            super().__init__(*arguments)

    def turn(_: object, protocol: Any, __: int) -> None:  # noqa: ANN401 (granian's, or ours)
        handed = getattr(protocol, "handed", None)
        _marks.set({"turn": _clock()} | ({} if handed is None else {"handed": handed}))

    scheduler._Reading = Reading  # type: ignore[misc] # noqa: SLF001 (as above)
    _before(rsgi, "_body", turn)


def _watch_pipeline() -> None:
    from wxgate.admit import Admission  # noqa: PLC0415 (as above)
    from wxgate.pipeline import Pipeline  # noqa: PLC0415

    whole = Pipeline.answer

    async def answer(me: Pipeline, *arguments: Any) -> Any:  # noqa: ANN401 (an answer)
        marks = _marks.get()
        marks["body"] = _clock()
        said = await whole(me, *arguments)
        marks["answered"] = _clock()
        if all(station in marks for station in STATIONS):
            _keep(marks)
        return said

    def asked(_: Admission, __: str, message: Any, ___: int) -> None:  # noqa: ANN401 (wxcore's)
        _open[message.id] = marks = _marks.get()
        marks["asked"] = _clock()

    Pipeline.answer = answer  # type: ignore[method-assign]
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

    _before(Recorder, "record", lambda _, flight: _mark((flight.message_id,), "record"))
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
