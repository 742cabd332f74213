"""Handlers of the team's own, registered by decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wxgate.errors import ConfigError
from wxgate.settings.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wxgate.sinks.function import Handler


class Registered(msgspec.Struct, frozen=True):
    """A function and the messages it takes: the ``when`` of a route."""

    when: dict[str, list[str]]
    function: Handler


def check(handlers: Iterable[Registered], accounts: Collection[str]) -> None:
    """Raise ``ConfigError`` where a handler names an account that there is not."""
    named = (account for one in handlers for account in one.when.get("account", ()))
    problems = [
        Problem(
            f'Gateway.on("{account}")',
            "there is no such account",
            did_you_mean(account, accounts),
        )
        for account in named
        if account not in accounts
    ]
    if problems:
        raise ConfigError(problems)


def conditions(account: str | None, type_: str | None, event: str | None) -> dict[str, list[str]]:
    """Write the arguments of ``Gateway.on`` as a ``when``."""
    given = {"account": account, "type": type_, "event": event}
    return {name: [value] for name, value in given.items() if value is not None}
