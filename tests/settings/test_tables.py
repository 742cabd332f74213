"""[server], [upstream.NAME] and [[route]]: what they take and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.settings.texts import Address, Target

if TYPE_CHECKING:
    from .conftest import Find, Load


ORDERS = '[upstream.orders]\nnodes = "http://127.0.0.1:9001"\n'


def test_an_unknown_key_is_refused_with_its_path_and_a_guess(problems_of: Find, shop: str) -> None:
    """A typo is never a silent default, at any depth."""
    text = f"sever = 1\n{shop}tokens = 1\n[server]\nworker = 1\n" + ORDERS.replace("s =", "_ =")
    fixes = {path: problem.fix for path, problem in problems_of(text).items()}
    assert fixes["sever"] == 'did you mean "server"?'
    assert fixes["account.shop.tokens"] == 'did you mean "token"?'
    assert fixes["server.worker"] == 'did you mean "workers"?'
    assert fixes["upstream.orders.node_"] == 'did you mean "nodes"?'


def test_where_no_guess_is_near_all_known_keys_are_listed(problems_of: Find, shop: str) -> None:
    """The list saves a look at the reference page."""
    (problem,) = problems_of(f"{shop}[[route]]\nto = 'log:'\nzzz = 1\n").values()
    assert str(problem) == ("route[0].zzz: is not a known key; known here: also, reply, to, when")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1:80", Address("10.0.0.1", 80)),
        ("[::1]:65535", Address("::1", 65535)),
        ("gateway.internal:8080", Address("gateway.internal", 8080)),
    ],
)
def test_addresses(settings_of: Load, shop: str, text: str, address: Address) -> None:
    """IPv6 stands in brackets and comes out of them."""
    assert settings_of(f'{shop}[server]\nlisten = "{text}"\n').server.listen == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", ":80", "a", "a:", "a:0", "a:65536", "a:8o", "::1:80", "a:-1", "a:²"]
)
def test_what_is_no_address(problems_of: Find, shop: str, text: str) -> None:
    """A port is written and lies within range."""
    assert list(problems_of(f'{shop}[server]\nlisten = "{text}"\n')) == ["server.listen"]


def test_the_operators_page_can_be_turned_off(settings_of: Load, shop: str) -> None:
    """An empty text means none."""
    assert settings_of(f'{shop}[server]\nadmin = ""\n').server.admin is None


@pytest.mark.parametrize(
    ("listen", "admin", "collide"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "[::]:80", True),
        ("127.0.0.1:80", "10.0.0.1:80", False),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:9471", None, True),
        ("127.0.0.1:9471", "", False),
    ],
)
def test_the_operators_page_is_never_on_the_public_listener(
    settings_of: Load,
    problems_of: Find,
    shop: str,
    listen: str,
    admin: str | None,
    *,
    collide: bool,
) -> None:
    """A wildcard host covers the other one, and defaults count."""
    written = "" if admin is None else f'admin = "{admin}"\n'
    text = f'{shop}[server]\nlisten = "{listen}"\n{written}'
    if collide:
        assert list(problems_of(text)) == ["server.admin"]
    else:
        assert str(settings_of(text).server.listen) == listen


@pytest.mark.parametrize(
    "line",
    [
        "workers = 0",
        "workers = 1.5",
        "workers = true",
        "max_body = 1023",
        "body_timeout = 0",
        "body_timeout = inf",
        "body_timeout = nan",
        "max_in_flight = 0",
        "reply_budget = 5.5",
        "drain = -1",
        'log_level = "loud"',
        "log_level = 1979-05-27",
        "listen = 8080",
        "admin = false",
    ],
)
def test_limits_of_the_server(problems_of: Find, shop: str, line: str) -> None:
    """Each limit is bounded; nan and inf are no limits."""
    assert list(problems_of(f"{shop}[server]\n{line}\n")) == [f"server.{line.split(maxsplit=1)[0]}"]


def test_a_node_is_an_address_or_a_table(settings_of: Load, shop: str) -> None:
    """A mere address has weight 1."""
    text = '[upstream.a]\nnodes = ["http://x:1", { url = "https://y/base", weight = 2 }]\n'
    upstream = settings_of(shop + text).upstream["a"]
    assert [(node.url, node.weight) for node in upstream.nodes] == [
        ("http://x:1", 1),
        ("https://y/base", 2),
    ]
    assert (upstream.hash, upstream.timeout, upstream.concurrency) == ("openid", 5.0, 256)


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://x", "http://", "http://x:99999", "http://x:0", "http://[x", "http://a b"],
)
def test_what_is_no_url(problems_of: Find, shop: str, url: str) -> None:
    """Anything that could not be called is refused here, not at the first message."""
    text = f'{shop}[upstream.a]\nnodes = "{url}"\n'
    assert list(problems_of(text)) == ["upstream.a.nodes[0].url"]


def test_credentials_go_into_headers(problems_of: Find, shop: str) -> None:
    """An address is logged; a password must not be in it."""
    text = f'{shop}[upstream.a]\nnodes = "http://user:pass@x"\n'
    (problem,) = problems_of(text).values()
    assert "pass" not in str(problem)
    assert "headers" in problem.fix


@pytest.mark.parametrize("name", ["Content-Type", "host", "TRACEPARENT", "a b", "", "x:y"])
def test_headers_of_the_gateway_are_its_own(problems_of: Find, shop: str, name: str) -> None:
    """A service cannot be told the wrong length or type."""
    text = f'{shop}{ORDERS}headers = {{ "{name}" = "env:KEY" }}\n'
    assert len(problems_of(text)) == 1


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("upstream:orders", Target("upstream", "orders")),
        ("http://x/hook?a=b", Target("http", "http://x/hook?a=b")),
        ("https://x", Target("http", "https://x")),
        ("python:shop.orders:on_text", Target("python", "shop.orders:on_text")),
        ("log:", Target("log")),
    ],
)
def test_targets(settings_of: Load, shop: str, to: str, target: Target) -> None:
    """Each target writes itself as it was written."""
    (route,) = settings_of(f'{shop}{ORDERS}[[route]]\nto = "{to}"\n').route
    assert route.to == target
    assert str(route.to) == to


@pytest.mark.parametrize(
    "to", ["", "orders", "upstream:", "python:x", "python:a-b:c", "python:a:b:c", "log:x", "http:x"]
)
def test_what_is_no_target(problems_of: Find, shop: str, to: str) -> None:
    """Near misses of each target are refused."""
    assert list(problems_of(f'{shop}[[route]]\nto = "{to}"\n')) == ["route[0].to"]


def test_targets_of_a_later_version_say_so(problems_of: Find, shop: str) -> None:
    """Announced is not the same as unknown."""
    (problem,) = problems_of(f'{shop}[[route]]\nto = "kafka:wechat"\n').values()
    assert problem.reason == '"kafka:" is not in this version'


def test_a_stream_needs_no_table_but_a_redis(
    settings_of: Load, problems_of: Find, shop: str
) -> None:
    """The shared one, or one of its own."""
    route = '[[route]]\nto = "stream:wechat"\n'
    (problem,) = problems_of(shop + route).values()
    assert str(problem) == (
        "route[0].to: a stream is in a Redis, and none is named; "
        "set state.redis, or redis in [stream.wechat]"
    )
    shared = settings_of(f'{shop}[state]\nredis = "redis://a"\n{route}')
    assert str(getattr(shared.redis_of("wechat"), "url", None)) == "redis://a"
    own = settings_of(
        f'{shop}[state]\nredis = "redis://a"\n[stream.wechat]\nredis = "redis://b"\n{route}'
    )
    assert str(getattr(own.redis_of("wechat"), "url", None)) == "redis://b"


@pytest.mark.parametrize("name", ["", "We", "a:b", "a b", "-a", "a" * 65])
def test_what_is_no_stream(problems_of: Find, shop: str, name: str) -> None:
    """Its name is part of keys, and of what people type."""
    text = f'{shop}[state]\nredis = "redis://a"\n[[route]]\nto = "stream:{name}"\n'
    assert list(problems_of(text)) == ["route[0].to"]


def test_names_that_lead_nowhere_are_guessed_at(problems_of: Find, shop: str) -> None:
    """Routes name upstreams and accounts of the same file."""
    text = f'{shop}{ORDERS}[[route]]\nto = "upstream:ordres"\nwhen.account = "shpo"\n'
    problems = problems_of(text)
    assert str(problems["route[0].to"]) == (
        'route[0].to: there is no [upstream.ordres]; did you mean "orders"?'
    )
    assert problems["route[0].when.account[0]"].fix == 'did you mean "shop"?'


def test_an_upstream_may_be_missing_altogether(problems_of: Find, shop: str) -> None:
    """There is nothing to guess from then."""
    (problem,) = problems_of(f'{shop}[[route]]\nto = "upstream:a"\n').values()
    assert str(problem) == "route[0].to: there is no [upstream.a]"


def test_links_into_what_is_no_table_are_reported_beside_it(problems_of: Find) -> None:
    """A broken table does not end the search for problems."""
    text = 'account = 5\n[[route]]\nto = "log:"\nwhen.account = "a"\n'
    assert list(problems_of(text)) == ["account", "route[0].when.account[0]"]


def test_conditions_are_lists_or_texts(settings_of: Load, shop: str) -> None:
    """One text is a list of one; expressions are left to the core to judge."""
    text = f"""{shop}
[[route]]
to = "log:"
when = {{ account = "shop", type = ["text", "image"], content = "(", field = {{ "A.B" = "^x" }} }}
"""
    (route,) = settings_of(text).route
    assert route.when.account == ("shop",)
    assert route.when.type == ("text", "image")
    assert route.when.content == "("
    assert route.when.field == {"A.B": "^x"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", '"offical"'),
        ("type", "[]"),
        ("type", '""'),
        ("event", "[5]"),
        ("content", '["a"]'),
        ("openid", "{}"),
        ("field", '{ "A" = 1 }'),
        ("field", "{}"),
    ],
)
def test_what_is_no_condition(problems_of: Find, shop: str, key: str, value: str) -> None:
    """A condition that could never hold is refused."""
    (path,) = problems_of(f'{shop}[[route]]\nto = "log:"\nwhen.{key} = {value}\n')
    assert path.startswith(f"route[0].when.{key}")


@pytest.mark.parametrize("value", ["5", '"x"', "[1]", "[]"])
def test_routes_are_tables(problems_of: Find, shop: str, value: str) -> None:
    """`route` takes tables and nothing else."""
    (path,) = problems_of(f"route = {value}\n{shop}")
    assert path.startswith("route")


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ('[[limit]]\nname = "a"\nper = "all"\nrate = "1/s"\n', "limit[0].burst", "0"),
        ('[[limit]]\nname = "a"\nper = "all"\n', "limit[0].concurrency", "-1"),
        (ORDERS, "upstream.orders.spill", "1.0"),
        (f"{ORDERS}[upstream.orders.breaker]\n", "upstream.orders.breaker.slow_after", "0"),
    ],
)
def test_a_number_that_may_be_absent_keeps_its_bounds(
    problems_of: Find, shop: str, table: str, key: str, value: str
) -> None:
    """One that is out of them is refused by its path, as any other is."""
    (problem,) = problems_of(f"{shop}{table}{key.rpartition('.')[2]} = {value}\n").values()
    assert (problem.path, f"found {value}" in str(problem)) == (key, True)
