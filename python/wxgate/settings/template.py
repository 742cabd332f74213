"""The `wxgate.toml` that `wxgate init` writes: a first configuration, and all else as comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wxgate.settings.dispatch import Dispatch
from wxgate.settings.hints import bare, meta, options
from wxgate.settings.journal import Journal
from wxgate.settings.limit import Limit
from wxgate.settings.model import ACCOUNTS
from wxgate.settings.overload import Overload
from wxgate.settings.paths import join
from wxgate.settings.push import Official
from wxgate.settings.route import Route, When
from wxgate.settings.samples import about, default, sample, toml
from wxgate.settings.server import Server
from wxgate.settings.state import State
from wxgate.settings.stream import Stream
from wxgate.settings.table import Table
from wxgate.settings.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec.structs import FieldInfo

    from wxgate.settings.account import AnyAccount

_HEAD = """\
# The configuration of wxgate. `wxgate check` says what is wrong with it.
# Secrets never stand here: write "env:NAME" or "file:PATH". This file needs two:
#   export SHOP_TOKEN=…     the Token of the console
#   export SHOP_AES_KEY=…   the 43 characters of its EncodingAESKey
# What is commented out shows its default, or an example where it has none."""

_NAMES = {
    "official": "shop",
    "miniprogram": "mini",
    "wecom": "work",
    "wecom_suite": "suite",
    "component": "platform",
    "pay": "mch",
    "pay_v2": "mch_v2",
    "partner": "billing",
}


def template() -> str:
    """Return a configuration that loads as it is and mentions every setting there is."""
    others = [kind for kind in ACCOUNTS if kind is not Official]
    blocks = [
        [_HEAD],
        ["[server]", *_lines(Server, "server", "listen")],
        ["[journal]", *_lines(Journal, "journal", "dir")],
        ["# [state]", *_lines(State, "state")],
        ["# [overload]", *_lines(Overload, "overload")],
        _account(Official),
        *([_hide(line) for line in _account(kind)] for kind in others),
        ["[upstream.orders]", *_lines(Upstream, "upstream.orders")],
        ["# [stream.wechat]", *_lines(Stream, "stream.wechat")],
        ["# [dispatch]", *_lines(Dispatch, "dispatch")],
        ["[[route]]", *_lines(Route, "route"), *_conditions()],
        [_hide(line) for line in ("[[limit]]", *_lines(Limit, "limit"))],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _account(kind: type[AnyAccount]) -> list[str]:
    path = f"account.{_NAMES[kind.kind]}"
    head = [f"[{path}]  # {about(kind)}", f"kind = {toml(kind.kind)}"]
    return [*head, *_lines(kind, path, "aes_key")]


def _lines(table: type[Table], path: str, shown: str = "") -> Iterator[str]:
    """Write each key; comment out those that neither must nor should be `shown`."""
    for field in msgspec.structs.fields(table):
        if bare(field.type) is When:
            continue
        inner = _table(field.type)
        if inner is not None and not inner.shorthand:
            yield from (_hide(f"{field.name}.{line}") for line in _keys(inner, path, field.name))
            continue
        line = _line(field, path)
        yield line if field.required or field.name == shown else _hide(line)
        if inner is not None:
            yield "#   or, as a table, any of:"
            yield from (f"#   {field.name}.{key}" for key in _keys(inner, path, field.name))


def _table(hint: object) -> type[Table] | None:
    """Return the table that a setting takes, also one that may be left out."""
    for one in (bare(hint), *options(hint)):
        if isinstance(one, type) and issubclass(one, Table):
            return one
    return None


def _keys(table: type[Table], path: str, name: str) -> Iterator[str]:
    for field in msgspec.structs.fields(table):
        yield _line(field, join(path, name))


def _conditions() -> Iterator[str]:
    for field in msgspec.structs.fields(When):
        yield _hide("when." + _line(field, "route"))


def _line(field: FieldInfo, path: str) -> str:
    value = default(field) or sample(field.type, join(path, field.name))
    return f"{field.name} = {value}  # {meta(field.type, 'description')}"


def _hide(line: str) -> str:
    return line if line.startswith("#") else f"# {line}"
