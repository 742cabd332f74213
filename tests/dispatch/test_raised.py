"""What is told of a function that went wrong: where, and never what its exception says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from wxgate.dispatch.pool import PlainFunctionSink, Pool
from wxgate.dispatch.raised import told
from wxgate.sinks.function import FunctionSink

from .test_pool import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxgate import Event

WRITTEN = "what the user wrote"


def failure(sink: FunctionSink | PlainFunctionSink) -> str:
    """What is told of a try."""

    async def run() -> str:
        try:
            await sink.deliver(EVENT, ())
        except Exception as error:  # noqa: BLE001 (whatever it is)
            return told(error)
        finally:
            await sink.aclose()
        return ""

    return asyncio.run(run())


def asynchronous(function: Callable[..., Any]) -> FunctionSink:
    """Call it as a coroutine function."""

    async def call(event: Event) -> Any:
        return function(event)

    return FunctionSink(call)


def threaded(function: Callable[..., Any]) -> PlainFunctionSink:
    """Call it in a thread."""
    return PlainFunctionSink(function, Pool(1))


@pytest.mark.parametrize("sink", [asynchronous, threaded])
def test_a_traceback_is_the_functions_own(sink: Callable[..., Any]) -> None:
    """Down to the line, with its cause; nothing of the gateway, nothing of the message."""

    def inner(_: Event) -> None:
        raise ValueError(WRITTEN)

    def outer(event: Event) -> None:
        try:
            inner(event)
        except ValueError as error:
            raise KeyError(WRITTEN) from error

    text = failure(sink(outer))
    assert text.startswith("raised KeyError\n  File ")
    assert "\nfrom ValueError\n  File " in text
    assert ", in inner\n    raise ValueError(WRITTEN)" in text
    assert WRITTEN not in text
    assert "wxgate/dispatch/" not in text
    assert "wxgate/sinks/" not in text


@pytest.mark.parametrize("sink", [asynchronous, threaded])
def test_what_is_no_reply_is_named_by_its_type(sink: Callable[..., Any]) -> None:
    """And not shown, as it may quote the message."""
    text = failure(sink(lambda _: {"content": WRITTEN}))
    assert text == "returned dict; expected str, a reply or None"


def test_a_function_that_cannot_be_called_is_told_so() -> None:
    """Then the line is the gateway's own, for want of another."""
    text = failure(FunctionSink(lambda: None))  # type: ignore[arg-type, misc]
    assert text.startswith("raised TypeError\n  File ")


def test_a_recursion_is_told_in_a_few_lines() -> None:
    """The innermost."""

    def again(event: Event) -> None:
        again(event)

    text = failure(asynchronous(again))
    assert text.startswith("raised RecursionError\n")
    assert text.count("\n") < 100
