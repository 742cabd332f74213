"""What a configuration may say but hardly means. Nothing here keeps wxgate from starting."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import msgspec

from wxgate.settings.model import PushAccount
from wxgate.settings.problems import Problem
from wxgate.settings.push import Console, WeComSuite
from wxgate.settings.route import When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.settings.model import Account, Settings
    from wxgate.settings.route import Route
    from wxgate.settings.server import Server

_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}")


def warnings(settings: Settings, cores: int | None = None) -> list[Problem]:
    """Return what an operator should look at twice; `cores` defaults to this machine's."""
    found = list(_workers(settings.server.workers, cores or os.cpu_count() or 1))
    found += _proxied(settings.server)
    for name, account in settings.account.items():
        found += _account(f"account.{name}", account)
        found += _reach(name, account, settings.route)
    found += _divided(settings)
    found += _unused(settings)
    found += _routes(settings.route)
    return found


def _workers(workers: int, cores: int) -> Iterator[Problem]:
    if workers > cores:
        yield Problem("server.workers", f"{workers} workers share {cores} cores")


def _proxied(server: Server) -> Iterator[Problem]:
    if server.max_per_address is not None and server.trusted_proxies:
        reason = "the connections of a trusted proxy are all of one address"
        yield Problem("server.max_per_address", reason, "leave it out behind a proxy")


def _divided(settings: Settings) -> Iterator[Problem]:
    """Find limits that a fleet would not keep, since each node takes more than its part of them."""
    rated = [limit for limit in settings.limit if limit.rate]
    if rated and settings.state.redis and settings.state.nodes is None:
        reason = (
            "gateways that share a Redis each take all of a limit that paces, and of any while it"
            " is away: nothing tells them how many they are"
        )
        yield Problem("state.nodes", reason, "say how many share it, also if it is 1")
    parts = settings.server.workers * settings.state.parts
    for at, limit in enumerate(settings.limit):
        if limit.action == "pace" and limit.burst is not None and limit.burst < parts:
            reason = f"{parts} workers, of all nodes, deliver one each at once: {parts} together"
            yield Problem(f"limit[{at}].burst", reason, f"set it to {parts} or more")


def _account(path: str, account: Account) -> Iterator[Problem]:
    if isinstance(account, Console) and account.mode == "plain":
        reason = "the body is not signed: who has seen one request can send any message"
        yield Problem(f"{path}.mode", reason, 'choose "safe" here and in the console')
    if isinstance(account, WeComSuite) and not account.corpid:
        reason = "without the provider's corpid the console's URL check is refused"
        yield Problem(f"{path}.corpid", reason, "add it, and the companies that authorised")
    for at, token in enumerate(account.token if isinstance(account, PushAccount) else ()):
        if not _TOKEN.fullmatch(token.reveal()):
            reason = "is not 3 to 32 letters and digits, as the console demands"
            yield Problem(f"{path}.token[{at}]", reason, f"look at {token.reference}")


def _reach(name: str, account: Account, routes: tuple[Route, ...]) -> Iterator[Problem]:
    """Find the messages of an account that no route takes: they are answered 503."""
    leading = [route.when for route in routes if _concerns(route.when, name, account)]
    if not leading:
        yield Problem(f"account.{name}", "no route takes its messages", "add a [[route]]")
    elif not any(_is_open(when) for when in leading):
        reason = "every route has conditions; what meets none of them is refused"
        yield Problem(f"account.{name}", reason, 'end with a [[route]] to = "log:"')


def _concerns(when: When, name: str, account: Account) -> bool:
    return name in (when.account or (name,)) and account.kind in (when.kind or (account.kind,))


def _is_open(when: When) -> bool:
    return msgspec.structs.replace(when, account=(), kind=()) == When()


def _unused(settings: Settings) -> Iterator[Problem]:
    used = {route.to.place for route in settings.route if route.to.scheme == "upstream"}
    for name in settings.upstream:
        if name not in used:
            yield Problem(f"upstream.{name}", "no route leads here")
    used = {route.to.place for route in settings.route if route.to.scheme == "stream"}
    for name in settings.stream:
        if name not in used:
            yield Problem(f"stream.{name}", "no route leads here")


def _routes(routes: tuple[Route, ...]) -> Iterator[Problem]:
    ended = False
    for at, route in enumerate(routes):
        if ended:
            yield Problem(f"route[{at}]", "is never reached: an earlier one takes everything")
        if route.reply == "wait" and route.to.scheme in {"log", "stream"}:
            reason = f"nothing answers at {route.to.scheme}:"
            yield Problem(f"route[{at}].reply", reason, 'leave reply at "ack"')
        ended = ended or (route.when == When() and not route.also)
