"""The reference page is generated, complete, and committed."""

from __future__ import annotations

import sys
from pathlib import Path
from runpy import run_module

import msgspec
import pytest
from wxgate.settings.breaker import Breaker
from wxgate.settings.dispatch import Dispatch, Retry
from wxgate.settings.health import Health
from wxgate.settings.hints import describe, meta
from wxgate.settings.hub import Hub
from wxgate.settings.journal import Journal
from wxgate.settings.limit import Limit
from wxgate.settings.model import ACCOUNTS, Settings
from wxgate.settings.overload import Overload
from wxgate.settings.redis import Redis
from wxgate.settings.reference import PAGE, reference
from wxgate.settings.route import Route, Shard, Share, When
from wxgate.settings.server import Server
from wxgate.settings.state import State
from wxgate.settings.stream import Stream
from wxgate.settings.table import Table
from wxgate.settings.upstream import Node, Upstream

ROOT = Path(__file__).parents[2]


def tables() -> set[type[Table]]:
    """Return every table that has keys and no table derived from it."""
    found: set[type[Table]] = set()
    waiting: list[type[Table]] = [Table]
    while waiting:
        table = waiting.pop()
        waiting += table.__subclasses__()
        if not table.__subclasses__():
            found.add(table)
    return found - {Settings, Hub}


def test_the_committed_page_is_the_generated_one() -> None:
    """Run `python -m wxgate.settings.reference` after a change to the Structs."""
    assert (ROOT / PAGE).read_text(encoding="utf-8") == reference()


def test_the_module_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that the page itself names."""
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["reference", str(page)])
    monkeypatch.delitem(sys.modules, "wxgate.settings.reference")
    run_module("wxgate.settings.reference", run_name="__main__")
    assert page.read_text(encoding="utf-8") == reference()


def test_every_table_is_on_the_page() -> None:
    """A new Struct must be put somewhere."""
    general = {Server, Journal, State, Redis, Overload, Dispatch, Retry, Breaker, Limit}
    routing = {Upstream, Node, Health, Stream, Route, When, Shard, Share}
    assert tables() == {*general, *ACCOUNTS, *routing}


@pytest.mark.parametrize("table", sorted(tables(), key=repr))
def test_every_key_is_explained_in_one_sentence(table: type[Table]) -> None:
    """What it takes and what it is for stand on the page."""
    page = reference()
    for field in msgspec.structs.fields(table):
        meaning = str(meta(field.type, "description"))
        assert meaning.endswith(".")
        assert len(meaning) <= 80
        assert "\n" not in meaning
        assert "|" not in meaning + describe(field.type)
        assert f"| `{field.name}` | {describe(field.type)} | " in page
