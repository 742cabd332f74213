"""From text to `Settings`: defaults, every problem at once, and files that are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from wxgate.errors import ConfigError, UnreadableConfigError, WxGateError
from wxgate.settings import load
from wxgate.settings.push import Official
from wxgate.settings.texts import Address, Target

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Find, Load


MANY_PROBLEMS = """
[server]
workers = 0
admn = "127.0.0.1:9471"
listen = "127.0.0.1:9471"

[account.shop]
kind = "official"
appid = 5
token = ["env:NOPE", "literal"]
mode = "saef"

[account.mch]
kind = "pay"
apiv3_key = "env:TOKEN"
platform_keys = { X = "file:gone.pem" }

[account."Bad Name"]
kind = "wecon"

[upstream.orders]
nodes = ["ftp://x", { url = "http://127.0.0.1:1", weight = 0 }]

[[route]]
to = "upstream:ordres"
when = { account = ["shop", "shpo"], content = 5 }

[[route]]
to = "kafka:topic"
"""


def test_the_smallest_file_gets_every_default(settings_of: Load, shop: str) -> None:
    """Every key has a default or is required; there is no third state."""
    settings = settings_of(shop)
    account = settings.account["shop"]
    assert isinstance(account, Official)
    assert (account.mode, account.format, account.max_age) == ("safe", "xml", 86400)
    assert account.appid == ("wx0123456789abcdef",)
    assert settings.server.listen == Address("127.0.0.1", 8080)
    assert settings.server.admin == Address("127.0.0.1", 9471)
    assert (settings.server.workers, settings.server.max_body) == (1, 1048576)
    assert settings.upstream == {}


def test_no_route_at_all_is_one_to_the_log(settings_of: Load, shop: str) -> None:
    """A first try needs no route."""
    (route,) = settings_of(shop).route
    assert (route.to, route.reply, route.also) == (Target("log"), "ack", False)


def test_settings_are_frozen(settings_of: Load, shop: str) -> None:
    """A reload builds new settings; nobody changes the old ones."""
    with pytest.raises(AttributeError):
        settings_of(shop).server.workers = 2  # type: ignore[misc]


def test_every_problem_is_reported_at_once(
    problems_of: Find,
) -> None:
    """An operator fixes a file in one round, in the order of its tables."""
    assert list(problems_of(MANY_PROBLEMS)) == [
        "server.admn",
        "server.workers",
        "server.admin",
        "account.shop.appid[0]",
        "account.shop.token[0]",
        "account.shop.token[1]",
        "account.shop.mode",
        "account.mch.mchid",
        "account.mch.apiv3_key[0]",
        "account.mch.platform_keys.X",
        'account."Bad Name"',
        'account."Bad Name".kind',
        "upstream.orders.nodes[0].url",
        "upstream.orders.nodes[1].weight",
        "route[0].when.content",
        "route[1].to",
        "route[0].when.account[1]",
        "route[0].to",
    ]


def test_a_broken_table_is_no_missing_one(problems_of: Find, shop: str) -> None:
    """A problem inside an upstream does not make the routes to it wrong too."""
    text = shop + '[upstream.a]\nnodes = 5\n[[route]]\nto = "upstream:a"\n'
    assert list(problems_of(text)) == ["upstream.a.nodes[0]"]


def test_a_problem_reads_as_one_line(problems_of: Find, shop: str) -> None:
    """Path, reason and what was found, without a Python word in it."""
    (problem,) = problems_of(shop + "[server]\nworkers = 0\n").values()
    assert str(problem) == "server.workers: expected a whole number from 1 to 256, found 0"


def test_the_error_says_all_of_them_and_is_a_value_error(tmp_path: Path) -> None:
    """What `serve` prints is what `check` prints."""
    path = tmp_path / "wxgate.toml"
    path.write_text("a = 1\nb = 2\n")
    with pytest.raises(ValueError, match=r"^a: .*\nb: .*\naccount: is required") as caught:
        load(path, {})
    assert isinstance(caught.value, ConfigError)
    assert isinstance(caught.value, WxGateError)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"a = ", "is not TOML"),
        (b'a = "\xff"', "is not UTF-8 text"),
    ],
)
def test_what_cannot_be_read_is_told_apart(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """`check` answers 2 for a file that it cannot read, not 1."""
    path = tmp_path / "wxgate.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableConfigError) as caught:
        load(str(path))
    (problem,) = caught.value.problems
    assert problem.path == str(path)
    assert problem.reason.startswith(reason)


def test_the_environment_of_the_process_is_the_default(
    tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load(path)` alone is what the gateway calls."""
    monkeypatch.setenv("TOKEN", "fromprocess")
    monkeypatch.delenv("AES_KEY", raising=False)
    path = tmp_path / "wxgate.toml"
    path.write_text(shop)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [problem.path for problem in caught.value.problems] == ["account.shop.aes_key[0]"]


STRANGE = ["-1", "true", '""', '"x"', "[]", "[[]]", "{ x = [5] }", "1979-05-27"]


@pytest.mark.parametrize("value", STRANGE)
def test_whatever_stands_at_a_key_is_a_problem_and_no_crash(
    settings_of: Load, everything: tuple[str, dict[str, str]], value: str
) -> None:
    """At every key that there is, one after the other."""
    text, environ = everything
    keys = list(re.finditer(r"^([a-z_.0-9]+) = (.*?)(?:  #.*)?$", text, re.MULTILINE))
    assert len(keys) > 70
    for key in keys:
        changed = f"{text[: key.start(2)]}{value}{text[key.end(2) :]}"
        assert all(key[1] in path for path in paths(settings_of, changed, environ))


def paths(load: Load, text: str, environ: dict[str, str]) -> list[str]:
    """Return where problems are, if there are any."""
    try:
        load(text, **environ)
    except ConfigError as error:
        return [problem.path for problem in error.problems]
    return []
