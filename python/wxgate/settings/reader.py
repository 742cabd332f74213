"""TOML tables become Structs. Each field is read by itself, so that every problem is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET

from wxgate.settings import hints
from wxgate.settings.account import AnyAccount
from wxgate.settings.paths import join, variable
from wxgate.settings.problems import Problem, UnfitError, did_you_mean
from wxgate.settings.samples import sample
from wxgate.settings.secret import Secret, Vault
from wxgate.settings.table import Table
from wxgate.settings.texts import Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from msgspec.structs import FieldInfo

AnyClass = TypeVar("AnyClass")


class Reader:
    """Reads one file. A value that cannot be used is noted and becomes UNSET."""

    def __init__(self, vault: Vault) -> None:
        """Start with nothing found; secrets come from `vault`."""
        self.problems: list[Problem] = []
        self.links: list[tuple[str, str, str]] = []
        self._vault = vault

    def read(self, hint: object, raw: object, path: str = "") -> object:
        """Return `raw` as what `hint` says, or UNSET with the reasons among the problems."""
        base = hints.bare(hint)
        if several := hints.options(hint):
            one, *more = several
            return self._account(several, raw, path) if more else self._optional(one, raw, path)
        if get_origin(base) is tuple:
            return self._list(hints.item(hint), raw, path)
        if get_origin(base) is dict:
            return self._named(base, raw, path)
        if _is_a(base, Table):
            return self._table(base, raw, path)
        if _is_a(base, Secret) or _is_written(base):
            return self._text(base, raw, path)
        return self._plain(hint, raw, path)

    def _note(self, path: str, reason: str, fix: str = "") -> object:
        self.problems.append(Problem(path, reason, fix))
        return UNSET

    def _unexpected(self, hint: object, raw: object, path: str) -> object:
        found = hints.describe_found(raw)
        near = did_you_mean(raw, hints.choices(hint)) if isinstance(raw, str) else ""
        return self._note(path, f"expected {hints.describe(hint)}, found {found}", near)

    def _plain(self, hint: object, raw: object, path: str) -> object:
        value = _convert(hint, raw)
        return self._unexpected(hint, raw, path) if value is UNSET else value

    def _text(self, kind: type[Secret | Written], raw: object, path: str) -> object:
        if not isinstance(raw, str):
            return self._unexpected(kind, raw, path)
        try:
            if issubclass(kind, Secret):
                return self._vault.fetch(kind, raw, variable(path))
            value = kind.parse(raw)
        except UnfitError as unfit:
            self.problems.append(unfit.at(path))
            return UNSET
        if value.link:
            self.links.append((path, *value.link))
        return value

    def _list(self, hint: object, raw: object, path: str) -> object:
        items = raw if isinstance(raw, list) else [raw]
        if not items:
            return self._note(path, "is an empty list", "name at least one, or leave the key out")
        got = tuple(self.read(hint, item, f"{path}[{at}]") for at, item in enumerate(items))
        return UNSET if UNSET in got else got

    def _named(self, hint: object, raw: object, path: str) -> object:
        if not isinstance(raw, dict):
            return self._unexpected(hint, raw, path)
        if not raw:
            return self._note(path, "is an empty table", "name at least one, or leave the key out")
        names, value = get_args(hint)
        got = {}
        for name, item in raw.items():
            if _convert(names, name) is UNSET:
                self._note(join(path, name), f"is not {hints.describe(names)}")
            got[name] = self.read(value, item, join(path, name))
        return UNSET if UNSET in got.values() else got

    def _optional(self, hint: object, raw: object, path: str) -> object:
        off = raw == "" and _is_written(hint)
        return None if off else self.read(hint, raw, path)

    def _account(self, several: tuple[object, ...], raw: object, path: str) -> object:
        if not isinstance(raw, dict):
            return self._unexpected(several[0], raw, path)
        kinds = {one.kind: one for one in several if _is_a(one, AnyAccount)}
        written = raw.get("kind", UNSET)
        if isinstance(written, str) and written in kinds:
            rest = {key: item for key, item in raw.items() if key != "kind"}
            return self._table(kinds[written], rest, path)
        reason = "is required" if written is UNSET else "is not a kind of account"
        near = did_you_mean(written if isinstance(written, str) else "", kinds)
        return self._note(join(path, "kind"), reason, near)

    def _table(self, cls: type[Table], raw: object, path: str) -> object:
        if isinstance(raw, str) and cls.shorthand:
            raw = {cls.shorthand: raw}
        if not isinstance(raw, dict):
            return self._unexpected(cls, raw, path)
        before = len(self.problems)
        fields = {field.name: field for field in msgspec.structs.fields(cls)}
        self._strangers(cls, fields, raw, path)
        self._gaps(fields.values(), raw, path)
        got = {
            name: self.read(field.type, raw[name], join(path, name))
            for name, field in fields.items()
            if name in raw
        }
        self.problems += [unfit.at(join(path, name)) for name, unfit in cls.rules(got)]
        return cls(**got) if len(self.problems) == before else UNSET

    def _gaps(self, fields: Iterable[FieldInfo], raw: Mapping[str, object], path: str) -> None:
        for field in fields:
            if field.required and field.name not in raw:
                value = sample(field.type, join(path, field.name))
                fix = f"write {field.name} = {value}" if value else ""
                self._note(join(path, field.name), "is required", fix)

    def _strangers(
        self, cls: type[Table], fields: Mapping[str, object], raw: Mapping[str, object], path: str
    ) -> None:
        for name in raw:
            if name in cls.later:
                self._note(join(path, name), cls.later[name], "leave it out")
            elif name not in fields:
                self._note(join(path, name), "is not a known key", did_you_mean(name, fields))


def _is_a(hint: object, base: type[AnyClass]) -> TypeGuard[type[AnyClass]]:
    return isinstance(hint, type) and issubclass(hint, base)


def _is_written(hint: object) -> TypeGuard[type[Written]]:
    return isinstance(hint, type) and issubclass(hint, Written)


def _convert(hint: object, raw: object) -> object:
    try:
        return msgspec.convert(raw, hint)
    except msgspec.ValidationError:
        return UNSET
