"""The shim, compiled once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .shim import compile_shim

if TYPE_CHECKING:
    import signal
    from pathlib import Path

    from _pytest.mark import ParameterSet

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
