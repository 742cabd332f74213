"""From the configuration to the destinations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from wxgate.dispatch import Schedule, plan
from wxgate.dispatch.outlets import Outlets, UnknownDestinationError
from wxgate.dispatch.pool import PlainFunctionSink
from wxgate.generation import unused
from wxgate.handlers import Registered
from wxgate.settings import Settings, load
from wxgate.sinks.function import FunctionSink
from wxgate.sinks.http import HttpSink
from wxgate.sinks.log import LogSink

from .world import Message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Load = Callable[[str], Settings]

ACCOUNT = """
[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"
"""
HANDLERS = """
async def later(event): return "later"
def now(event): return "now"
class Object:
    async def __call__(self, event): return "object"
made = Object()
"""


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A loader; the module `team_handlers` lies beside the file."""
    (tmp_path / "team_handlers.py").write_text(HANDLERS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "team_handlers", raising=False)

    def loader(text: str) -> Settings:
        path = tmp_path / "wxgate.toml"
        path.write_text(ACCOUNT + text)
        environ = {"TOKEN": "QDG6eK", "AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}
        return load(path, environ)

    return loader


EVERYTHING = """
[dispatch]
workers = 3
queue = 7
concurrency = 5
timeout = 2.5
retry = { first = 0.5 }
[upstream.orders]
nodes = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
timeout = 9
concurrency = 11
batch = 13
queue = 17
retry = { max = 5, give_up = 60 }
[[route]]
when = { type = "a" }
to = "upstream:orders"
[[route]]
when = { type = "b" }
to = "http://127.0.0.1:3/x"
[[route]]
when = { type = "c" }
to = "upstream:orders"
[[route]]
when = { type = "d" }
to = "python:team_handlers:later"
[[route]]
when = { type = "e" }
to = "python:team_handlers:now"
[[route]]
when = { type = "f" }
to = "python:team_handlers:made"
[[route]]
to = "log:"
"""


def test_each_target_is_one_destination(settings_of: Load) -> None:
    """Named as the file names it; routes to one target share it; handlers come first."""

    async def function(_: object) -> None: ...

    handlers = [Registered({}, function), Registered({}, function)]
    made = plan(settings_of(EVERYTHING), handlers)
    own = f"python:{__name__}.{function.__qualname__}"
    assert made.names == [
        own,
        f"{own}#2",
        "upstream:orders",
        "http://127.0.0.1:3/x",
        "python:team_handlers:later",
        "python:team_handlers:now",
        "python:team_handlers:made",
        "log:",
    ]
    assert made.routes == (0, 1, 2, 3, 2, 4, 5, 6, 7)
    kinds = [type(place.sink) for place in made.places]
    assert kinds[2:] == [
        HttpSink,
        HttpSink,
        FunctionSink,
        PlainFunctionSink,
        FunctionSink,
        LogSink,
    ]


def test_each_destination_has_its_own_limits(settings_of: Load) -> None:
    """An upstream by its table, the others by [dispatch]; a plain function has no deadline."""
    places = {place.name: place.limits for place in plan(settings_of(EVERYTHING)).places}
    orders, log = places["upstream:orders"], places["log:"]
    plain = places["python:team_handlers:now"]
    assert (orders.queue, orders.concurrency, orders.timeout, orders.batch) == (17, 11, 11, 13)
    assert orders.retry == Schedule(max=5, give_up=60)
    assert (log.queue, log.concurrency, log.timeout, log.batch) == (7, 5, 2.5, 1)
    assert log.retry == Schedule(first=0.5)
    assert (plain.concurrency, plain.timeout) == (3, None)


@pytest.mark.parametrize("to", ["python:team_handlers:nobody", "python:no_such_team:x"])
def test_a_function_that_is_not_there_is_found_at_the_start(settings_of: Load, to: str) -> None:
    """Not with the first message."""
    with pytest.raises((ImportError, AttributeError)):
        plan(settings_of(f'[[route]]\nto = "{to}"\n'))


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("[dispatch]\nqueue = 0", "dispatch.queue"),
        ("[dispatch]\nworkers = -1", "dispatch.workers"),
        ("[dispatch]\ntimeout = 0", "dispatch.timeout"),
        ("[dispatch]\nretry = { first = 0 }", "dispatch.retry.first"),
        ("[dispatch]\nretry = { factor = 0.5 }", "dispatch.retry.factor"),
        ("[dispatch]\nretry = 5", "dispatch.retry"),
        ("[upstream.a]\nnodes = 'http://x'\nbatch = 0", "upstream.a.batch"),
        ("[upstream.a]\nnodes = 'http://x'\nretry = { never = 1 }", "upstream.a.retry.never"),
    ],
)
def test_limits_of_limits(settings_of: Load, line: str, path: str) -> None:
    """Refused with the path, as everywhere."""
    with pytest.raises(ValueError, match=path.replace(".", r"\.")):
        settings_of(f"{line}\n")


@pytest.mark.parametrize(
    ("hash_by", "same_key", "same_account"),
    [("openid", True, False), ("account", True, True), ("key", False, False)],
)
def test_a_command_spreads_messages_as_the_gateway_does(
    settings_of: Load, hash_by: str, *, same_key: bool, same_account: bool
) -> None:
    """What has to stay on one node stays there."""
    nodes = [f"http://127.0.0.1:{port}" for port in range(1, 9)]
    text = f'[upstream.a]\nnodes = {nodes}\nhash = "{hash_by}"\n'
    outlet = Outlets(settings_of(text)).get("upstream:a")

    def chosen(**changes: Any) -> set[int]:
        return {outlet.nodes(Message(seq, **changes))[0] for seq in range(50)}

    assert (len(chosen(key="k")) == 1) is same_key
    keys = {outlet.nodes(Message(1, f"k{at}"))[0] for at in range(50)}
    assert (len(keys) == 1) is same_account
    few = outlet.nodes(Message(1, "k"))
    assert len(few) == len(set(few)) == 4
    assert set(few) <= set(range(8))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("upstream:nobody", r"there is no \[upstream\.nobody\]"),
        ("python:team_handlers.later", "expected a target"),
        ("python:team_handlers:nobody", "nobody"),
        ("nonsense", "expected a target"),
    ],
)
def test_a_destination_that_is_not_there_is_named(
    settings_of: Load, name: str, reason: str
) -> None:
    """It may have been configured once, or be a handler of another process."""
    with pytest.raises(UnknownDestinationError, match=reason):
        Outlets(settings_of("")).get(name)


SECOND = ACCOUNT.replace("[account.shop]", "[account.mini]")
ONE_UPSTREAM = """
[upstream.orders]
nodes = ["http://127.0.0.1:9001"]

[[route]]
to = "upstream:orders"
"""


@pytest.mark.parametrize("accounts", ["", SECOND])
def test_what_is_configured_as_before_is_the_very_same(settings_of: Load, accounts: str) -> None:
    """With one account or with several: else a reload would close what is in use."""
    before = plan(settings_of(accounts + ONE_UPSTREAM))
    (place,) = plan(settings_of(accounts + ONE_UPSTREAM), (), before).places
    assert place is before.places[0]


def test_one_more_account_leaves_connections_alone(settings_of: Load) -> None:
    """The place learns of it; its sink is the same, and not one to be dropped with the plan."""
    before = plan(settings_of(ONE_UPSTREAM))
    made = plan(settings_of(SECOND + ONE_UPSTREAM), (), before)
    assert made.places[0].limits.shared
    assert made.places[0].sink is before.places[0].sink
    assert not unused(made, before)


def test_what_is_configured_as_before_is_the_same(settings_of: Load) -> None:
    """Place for place, also where several accounts share it; a change of one changes only that."""
    second = ACCOUNT.replace("shop", "mini")
    orders = '[upstream.orders]\nnodes = ["http://a"]\n'
    routes = "".join(
        f'[[route]]\nwhen = {{ type = "{kind}" }}\nto = "{to}"\n'
        for kind, to in (
            ("text", "upstream:orders"),
            ("image", "http://b"),
            ("voice", "python:team_handlers:now"),
            ("video", "python:team_handlers:later"),
            ("link", "log:"),
        )
    )
    before = plan(settings_of(second + orders + routes))
    again = plan(settings_of(second + orders + routes), before=before)
    assert all(one is other for one, other in zip(before.places, again.places, strict=True))
    changed = plan(settings_of(second + orders + "timeout = 1\n" + routes), before=again)
    assert [one is other for one, other in zip(again.places, changed.places, strict=True)] == [
        False,
        *[True] * 4,
    ]
    assert changed.pool is before.pool
