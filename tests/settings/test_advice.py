"""Warnings: what is allowed, but hardly meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.settings import warnings

if TYPE_CHECKING:
    from .conftest import Load

PUSHED = 'token = "env:TOKEN"\naes_key = "env:AES_KEY"\n'
LOG = '[[route]]\nto = "log:"\n'


def paths(load: Load, text: str, **environ: str) -> list[str]:
    """Return where warnings point to, on a machine of four cores."""
    return [problem.path for problem in warnings(load(text, **environ), cores=4)]


def test_a_sound_file_is_not_nagged_at(settings_of: Load, shop: str) -> None:
    """Warnings that are always there are not read."""
    assert paths(settings_of, shop) == []


def test_plain_mode_is_called_what_it_is(settings_of: Load, shop: str) -> None:
    """The signature does not cover the body there."""
    (problem,) = warnings(settings_of(f'{shop}mode = "plain"\n'), cores=4)
    assert problem.path == "account.shop.mode"
    assert "not signed" in problem.reason


@pytest.mark.parametrize("token", ["ab", "a" * 33, "with-dash", "trailing "])
def test_a_token_the_console_would_not_take(settings_of: Load, shop: str, token: str) -> None:
    """It is read as it stands, but it is hardly the one in the console."""
    (problem,) = warnings(settings_of(shop, TOKEN=token), cores=4)
    assert problem.path == "account.shop.token[0]"
    assert problem.fix == "look at env:TOKEN"
    assert token not in str(problem)


def test_more_workers_than_cores(settings_of: Load, shop: str) -> None:
    """They would take turns."""
    assert paths(settings_of, f"{shop}[server]\nworkers = 5\n") == ["server.workers"]
    assert paths(settings_of, f"{shop}[server]\nworkers = 4\n") == []


def test_a_bound_for_each_address_behind_a_proxy(settings_of: Load, shop: str) -> None:
    """All callers would share what is meant for one."""
    bound, proxy = "max_per_address = 64\n", 'trusted_proxies = ["10.0.0.0/8"]\n'
    assert paths(settings_of, f"{shop}[server]\n{bound}{proxy}") == ["server.max_per_address"]
    assert paths(settings_of, f"{shop}[server]\n{bound}") == []
    assert paths(settings_of, f"{shop}[server]\n{proxy}") == []


def test_the_cores_of_this_machine_are_the_default(
    settings_of: Load, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` compares with where it runs; a machine that does not tell has one."""
    settings = settings_of(f"{shop}[server]\nworkers = 3\n")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    (problem,) = warnings(settings)
    assert problem.reason == "3 workers share 1 cores"


def test_a_suite_that_no_console_will_accept(settings_of: Load) -> None:
    """Its URL check is sealed for the provider's corpid."""
    text = f'[account.s]\nkind = "wecom_suite"\nsuite_id = "s"\n{PUSHED}'
    assert paths(settings_of, text) == ["account.s.corpid"]
    assert paths(settings_of, f'{text}corpid = "c"\n') == []


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("", None),
        ('when.account = "shop"', None),
        ('when.kind = ["pay", "official"]', None),
        ('when.account = "other"', "no route takes its messages"),
        ('when.kind = "pay"', "no route takes its messages"),
        ('when.type = "text"', "every route has conditions"),
        ('when.field = { A = "b" }', "every route has conditions"),
    ],
)
def test_messages_that_no_route_takes(
    settings_of: Load, shop: str, when: str, found: str | None
) -> None:
    """They would be refused, and sent again, for as long as WeChat tries."""
    other = shop.replace("account.shop", "account.other")
    rest = '[[route]]\nto = "log:"\nwhen.account = "other"\n'
    advice = warnings(settings_of(f"{shop}{other}{LOG}{when}\n{rest}"), cores=4)
    reasons = [problem.reason for problem in advice if problem.path == "account.shop"]
    assert [reason.partition(";")[0] for reason in reasons] == ([found] if found else [])


REDIS = '[state]\nredis = "redis://127.0.0.1:6379/0"\n'
LIMIT = '[[limit]]\nname = "one"\nper = "all"\n'
RATE = 'rate = "9/s"\n'


def test_a_fleet_that_does_not_say_how_many_it_is(settings_of: Load, shop: str) -> None:
    """Its limits are divided by that number: without it each node has them whole."""
    (problem,) = warnings(settings_of(shop + REDIS + LIMIT + RATE), cores=4)
    assert problem.path == "state.nodes"
    assert "how many" in problem.fix
    assert paths(settings_of, f'{shop}{REDIS}{LIMIT}{RATE}action = "pace"\n') == ["state.nodes"]


@pytest.mark.parametrize(
    "text",
    [
        LIMIT + RATE,
        REDIS,
        f"{REDIS}{LIMIT}concurrency = 5\n",
        f"{REDIS}nodes = 1\n{LIMIT}{RATE}",
        f"{REDIS}nodes = 3\n{LIMIT}{RATE}",
    ],
    ids=["no Redis", "no limit", "nothing divided", "a fleet of one", "said"],
)
def test_nothing_is_said_where_nothing_is_divided_or_it_is_known(
    settings_of: Load, shop: str, text: str
) -> None:
    """Who has said that it is one node is not asked again."""
    assert paths(settings_of, shop + text) == []


@pytest.mark.parametrize(
    ("workers", "nodes", "burst", "found"),
    [(1, 3, 2, True), (1, 3, 3, False), (2, 2, 3, True), (2, 2, 4, False), (1, 1, 1, False)],
)
def test_a_pace_whose_burst_is_smaller_than_the_fleet(
    settings_of: Load, shop: str, workers: int, nodes: int, burst: int, *, found: bool
) -> None:
    """Each worker delivers one at once at least, or it would deliver nothing."""
    tables = f"[server]\nworkers = {workers}\n[state]\nnodes = {nodes}\n"
    limit = f'{LIMIT}{RATE}burst = {burst}\naction = "pace"\n'
    assert paths(settings_of, shop + tables + limit) == (["limit[0].burst"] if found else [])
    rejecting = limit.replace("pace", "reject")
    assert paths(settings_of, shop + tables + rejecting) == []


def test_an_upstream_nobody_is_sent_to(settings_of: Load, shop: str) -> None:
    """Most likely its route was forgotten."""
    text = f'{shop}[upstream.a]\nnodes = "http://x"\n'
    assert paths(settings_of, text) == ["upstream.a"]
    assert paths(settings_of, f'{text}[[route]]\nto = "upstream:a"\n') == []


def test_a_route_behind_one_that_takes_everything(settings_of: Load, shop: str) -> None:
    """First match wins, unless it says that others may match as well."""
    assert paths(settings_of, f"{shop}{LOG}{LOG}") == ["route[1]"]
    assert paths(settings_of, f"{shop}{LOG}also = true\n{LOG}") == []


def test_waiting_for_the_log_to_answer(settings_of: Load, shop: str) -> None:
    """It never does."""
    assert paths(settings_of, f'{shop}{LOG}reply = "wait"\n') == ["route[0].reply"]
