"""Gateways that break a promise on purpose: ``mutants.py NAME serve …`` runs ``wxgate serve …``.

A harness that does not report them proves nothing. Each replaces one step by the mistake that is
made most easily there.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

from wxgate.admit import Admission
from wxgate.cli import main
from wxgate.dispatch import Dispatcher
from wxgate.dispatch.lane import Window
from wxgate.flight import Flight, Waiter
from wxgate.flights import Flights
from wxgate.record import Recorder
from wxgate.stores.redis.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxcore._wxcore import Received
    from wxgate.stores import Denied
    from wxgate.stores import Waiter as Try

_SUCCESS = (200, "text/plain", b"success")


def acknowledge_before_durable() -> None:
    """Answer as soon as the journal was told, without waiting for the disk."""

    def at_once(_: Flight, waiter: Waiter) -> None:
        waiter.told(_SUCCESS)

    Flight.wait = at_once  # type: ignore[method-assign, assignment]


def done_before_record() -> None:
    """Hold a message for done when its record has failed: its retry looks like a duplicate."""

    def failed(self: Flights, flight: Flight, code: str) -> None:
        assert flight.message is not None
        self._claims.complete([flight.message], 2**42)
        self._open.pop(flight.message_id, None)
        flight.end(code)

    Flights.failed = failed  # type: ignore[method-assign]


def settle_before_delivery() -> None:
    """Tell the journal that a message was delivered when it is about to be."""
    resume = Dispatcher.resume
    recorded = Dispatcher.recorded
    logs: list[Any] = []

    def opened(self: Dispatcher, log: Any, orphans: Any = ()) -> None:
        logs.append(log)
        resume(self, log, orphans)

    def early(self: Dispatcher, seq: int, message: Any, *, fresh: bool = True) -> None:
        logs[0].settle(0, [seq])
        recorded(self, seq, message, fresh=fresh)

    Dispatcher.resume = opened  # type: ignore[method-assign]
    Dispatcher.recorded = early  # type: ignore[method-assign]


def take_every_try_for_new() -> None:
    """Keep no claims."""

    def ask(_: Admission, __: Received, ___: int, ____: object = None) -> bool:
        return True

    Admission._ask = ask  # type: ignore[method-assign, assignment]  # noqa: SLF001


def acknowledge_on_a_full_disk() -> None:
    """Answer "success" to what could not be recorded."""

    def failed(_: Recorder, flights: list[Flight], __: str) -> None:
        for flight in flights:
            flight.end(_SUCCESS)

    Recorder._fail = failed  # type: ignore[method-assign, assignment]  # noqa: SLF001


def let_messages_overtake() -> None:
    """Give each message a lane of its own."""
    add = Window.add
    count = itertools.count()

    def anywhere(self: Window, key: str, item: Any) -> bool:
        return add(self, f"{key}{next(count)}", item)

    Window.add = anywhere  # type: ignore[method-assign]


def forget_replies() -> None:
    """Answer a retry with something that nobody said the first time."""
    seal = Flights.seal
    count = itertools.count()

    def again(self: Flights, account: str, message: Received, kept: bytes) -> Any:
        spec = b'{"type":"text","content":"%d again"}' % next(count)
        return seal(self, account, message, spec if kept else b"")

    Flights.again = again  # type: ignore[method-assign]


def forget_to_confirm() -> None:
    """Tell the other machines nothing of what is done: a lease ends, and all is new."""

    def note(_: Exchange, __: bytes, ___: bytes, ____: int) -> None:
        return

    Exchange.note = note  # type: ignore[method-assign, assignment]


def ask_nobody_else() -> None:
    """Decide alone, although the store is there."""

    def ask(self: Exchange, message: Received, waiter: Try, full: Denied | None = None) -> None:
        waiter.decided(self._owner.alone(message, full))

    Exchange.ask = ask  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        acknowledge_before_durable,
        done_before_record,
        settle_before_delivery,
        take_every_try_for_new,
        acknowledge_on_a_full_disk,
        let_messages_overtake,
        forget_replies,
    )
}
IN_A_FLEET = {one.__name__: one for one in (forget_to_confirm, ask_nobody_else)}
"""Mistakes that one gateway alone cannot make."""


if __name__ == "__main__":
    (MUTANTS | IN_A_FLEET)[sys.argv.pop(1)]()
    sys.exit(main())
