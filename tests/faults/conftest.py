"""The shim, compiled once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import keeper as keepers
from .shim import compile_shim

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from .keeper import Keeper
    from .shim import Call


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def row(request: pytest.FixtureRequest) -> str:
    """The name of a run, with its parameters: with the seed it says everything."""
    name: str = request.node.name
    return name.removeprefix("test_")


@pytest.fixture
def keeper(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keeper]:
    """A place for claims that a test may kill, of the kind that it names; see ``keeper.py``."""
    with keepers.keeper(request.param, tmp_path_factory.mktemp("keeper")) as one:
        yield one


def kept_by(*kinds: str | ParameterSet) -> pytest.MarkDecorator:
    """Run a row with each of these kinds of ``keeper``."""
    return pytest.mark.parametrize("keeper", kinds, indirect=True)


def slow(value: object) -> ParameterSet:
    """A parameter that `make test` leaves to `make faults`."""
    return pytest.param(value, marks=pytest.mark.slow_faults)


def call_name(call: Call) -> str:
    """How a call is named in a row."""
    return call.name.lower()


def signal_name(number: signal.Signals) -> str:
    """How a signal is named in a row."""
    return number.name


def number(name: str, default: int) -> int:
    """A count from the environment."""
    return int(os.environ.get(name) or default)
