"""Type hints taken apart, and put into the words that errors and the reference page share."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import msgspec

_NOUNS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_FOUND = {bool: "true or false", str: "text", int: "a number", float: "a number"}


def bare(hint: object) -> object:
    """Return the hint without what is annotated to it."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def meta(hint: object, name: str) -> object:
    """Return the first `name` (such as `description`) annotated to the hint, or None."""
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    found = (getattr(note, name) for note in notes if isinstance(note, msgspec.Meta))
    return next((value for value in found if value is not None), None)


def options(hint: object) -> tuple[object, ...]:
    """Return what a union offers beside None; nothing if the hint is no union.

    Bounds of a number that need not be there stand at the union, and hold for the number.
    """
    if get_origin(bare(hint)) not in {Union, UnionType}:
        return ()
    offered = (option for option in get_args(bare(hint)) if option is not NoneType)
    return tuple(_bounded(option, hint) for option in offered)


def _bounded(option: object, union: object) -> object:
    notes = get_args(union)[1:] if get_origin(union) is Annotated else ()
    return Annotated[option, *notes] if notes and option in {int, float} else option


def choices(hint: object) -> tuple[str, ...]:
    """Return the texts of a Literal; nothing if the hint is none."""
    return get_args(bare(hint)) if get_origin(bare(hint)) is Literal else ()


def item(hint: object) -> object:
    """Return what a tuple, or the values of a dict, consist of; None for anything else."""
    match get_origin(bare(hint)), get_args(bare(hint)):
        case (kind, (first, _)) if kind is tuple:
            return first
        case (kind, (_, value)) if kind is dict:
            return value
        case _:
            return None


def describe(hint: object) -> str:
    """Say what a setting takes, as in "a whole number from 1 to 64"."""
    base = bare(hint)
    if title := meta(hint, "title"):
        return str(title)
    if base in _NOUNS:
        return _NOUNS[base] + _bounds(hint)
    if names := choices(hint):
        *first, last = (f'"{name}"' for name in names)
        return f"{', '.join(first)} or {last}"
    if several := options(hint):
        return " or ".join(map(describe, several))
    if inner := item(hint):
        return f"{describe(inner)}, or a list" if get_origin(base) is tuple else _table_of(inner)
    return str(getattr(base, "noun", base))


def _table_of(inner: object) -> str:
    if one := item(inner):
        return f"a table of {describe(one)}s or lists of them"
    return f"a table of {describe(inner)}s"


def describe_found(raw: object) -> str:
    """Say what stands there instead. Numbers are quoted; a text could be a secret."""
    if isinstance(raw, (list, dict)):
        return "a list" if isinstance(raw, list) else "a table"
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return str(raw)
    if raw == "":
        return "an empty text"
    return _FOUND.get(type(raw), "a date or time")


def _bounds(hint: object) -> str:
    least, above, most = (meta(hint, name) for name in ("ge", "gt", "le"))
    match least, above, most:
        case None, None, None:
            return ""
        case _, None, None:
            return f" of at least {least}"
        case None, _, None:
            return f" above {above}"
        case None, _, _:
            return f" above {above}, at most {most}"
        case _:
            return f" from {least} to {most}"
