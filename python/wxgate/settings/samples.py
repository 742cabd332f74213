"""Values as TOML writes them: for fixes, for the template, and for the reference page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import NODEFAULT

from wxgate.settings import hints
from wxgate.settings.paths import variable
from wxgate.settings.secret import Secret
from wxgate.settings.table import Table

if TYPE_CHECKING:
    from msgspec.structs import FieldInfo


def toml(value: object) -> str:
    """Write a value the way the file would hold it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    plain = isinstance(value, (bool, int, float))
    return json.dumps(value if plain else str(value), ensure_ascii=False)


def sample(hint: object, path: str) -> str:
    """Return a fitting value for the setting at `path`; empty if none is known."""
    examples = hints.meta(hint, "examples")
    if isinstance(examples, list):
        return toml(examples[0])
    if choices := hints.choices(hint):
        return toml(choices[0])
    inner = hints.item(hint)
    secret = hints.bare(inner or hint)
    if isinstance(secret, type) and issubclass(secret, Secret):
        reference = f"env:{variable(path)}"
        return toml([reference] if inner else reference)
    return ""


def default(field: FieldInfo) -> str:
    """Return the default of a field; empty if that is nothing one could write."""
    value = field.default
    plain = value is not NODEFAULT and value is not None and value != ()
    return toml(value) if plain and not isinstance(value, Table) else ""


def about(table: type[Table]) -> str:
    """Return the line that introduces a table."""
    return (table.__doc__ or "").splitlines()[0]
