"""Which settings are fixed while wxgate runs: their Structs say so, and a reload looks here."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import msgspec

from wxgate.errors import ConfigError
from wxgate.settings.core import core_problems
from wxgate.settings.paths import join
from wxgate.settings.problems import Problem
from wxgate.settings.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxgate.settings.model import Settings

_REASON = "cannot change while wxgate runs: it needs a restart"
_FIX = "put the old value back to reload the rest"


def needs_restart(hint: object) -> bool:
    """Whether a key's `Meta` says that it is fixed."""
    notes = (note for note in get_args(hint)[1:] if isinstance(note, msgspec.Meta))
    return any((note.extra or {}).get("restart") for note in notes)


def check(before: Settings, after: Settings) -> None:
    """Raise ``ConfigError`` with all that keeps ``after`` from following ``before``."""
    if problems := [*core_problems(after), *fixed(before, after)]:
        raise ConfigError(problems)


def fixed(before: Settings, after: Settings) -> Iterator[Problem]:
    """Yield each key that has changed and cannot."""
    for path, is_fixed in _differences(before, after):
        if is_fixed:
            yield Problem(path, _REASON, _FIX)


def changes(before: Settings, after: Settings) -> Iterator[str]:
    """Yield the path of each key that has changed, come or gone."""
    for path, _ in _differences(before, after):
        yield path


def _differences(old: object, new: object, path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the paths that differ, and whether they may not."""
    if isinstance(old, Table) and type(new) is type(old):
        for field in msgspec.structs.fields(type(old)):
            pair = getattr(old, field.name), getattr(new, field.name)
            is_fixed = old.restart or needs_restart(field.type)
            for found, inner in _differences(*pair, join(path, field.name)):
                yield found, is_fixed or inner
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(name), new.get(name), join(path, str(name)))
    elif old != new:
        yield path, False
