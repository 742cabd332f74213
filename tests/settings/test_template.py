"""The first configuration works, and mentions every setting there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate.settings import warnings
from wxgate.settings.account import AnyAccount
from wxgate.settings.breaker import Breaker
from wxgate.settings.dispatch import Dispatch, Retry
from wxgate.settings.health import Health
from wxgate.settings.journal import Journal
from wxgate.settings.limit import Limit
from wxgate.settings.model import ACCOUNTS
from wxgate.settings.overload import Overload
from wxgate.settings.push import Official
from wxgate.settings.redis import Redis, RedisPlace
from wxgate.settings.route import Route, When
from wxgate.settings.server import Server
from wxgate.settings.state import State
from wxgate.settings.stream import Stream
from wxgate.settings.template import template
from wxgate.settings.texts import Target
from wxgate.settings.upstream import Upstream

from .conftest import ENVIRON

if TYPE_CHECKING:
    from wxgate.settings.table import Table

    from .conftest import Load

SECRETS = {"SHOP_TOKEN": ENVIRON["TOKEN"], "SHOP_AES_KEY": ENVIRON["AES_KEY"]}


def test_it_works_as_it_is(settings_of: Load) -> None:
    """One account in safe mode, one upstream, one route; two secrets to set."""
    settings = settings_of(template(), **SECRETS)
    (account,) = settings.account.values()
    assert isinstance(account, Official)
    assert account.mode == "safe"
    assert settings.route[0].to == Target("upstream", "orders")
    assert list(settings.upstream) == ["orders"]
    assert warnings(settings, cores=1) == []


def test_it_is_short_where_it_is_not_commented() -> None:
    """Twenty lines are read; more are scrolled past."""
    live = [line for line in template().splitlines() if line and not line.startswith("#")]
    assert len(live) <= 20


def test_every_comment_can_be_taken_at_its_word(
    settings_of: Load, everything: tuple[str, dict[str, str]]
) -> None:
    """Uncommented, all of it loads: every example is one that wxgate accepts."""
    text, environ = everything
    settings = settings_of(text, **environ)
    assert {type(account) for account in settings.account.values()} == set(ACCOUNTS)
    assert settings.route[0].when.content == "^退款"


GENERAL = (Server, Journal, State, Redis, Overload, Dispatch, Retry, Breaker, Limit)
ROUTING = (Upstream, Health, Stream, RedisPlace, Route, When)


@pytest.mark.parametrize("table", [*GENERAL, *ACCOUNTS, *ROUTING])
def test_every_setting_is_mentioned(table: type[Table]) -> None:
    """A setting that the template does not show is one that nobody finds."""
    text = template()
    if issubclass(table, AnyAccount):
        text = text.partition(f'kind = "{table.kind}"')[2].partition("\n\n")[0]
    for field in msgspec.structs.fields(table):
        # A field that is a table is mentioned by its keys.
        assert re.search(rf"\b{field.name}(\.\w+)* = [^#\s].*  # ", text), field.name
