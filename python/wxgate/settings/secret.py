"""Secrets: the file names where they are kept; their values never appear in any text."""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from wxgate.settings.problems import UnfitError

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secret:
    """A value that shows only its reference. Subclasses say what the value must look like."""

    __slots__ = ("_value", "reference")

    noun: ClassVar[str] = "secret reference"

    def __init__(self, reference: str, value: str) -> None:
        """Keep the value under the reference it was read from."""
        self.reference = reference
        self._value = value

    def reveal(self) -> str:
        """Return the value. The only way to it, so that each use can be found."""
        return self._value

    @staticmethod
    def unfit(value: str) -> str:
        """Return why `value` cannot be such a secret, without quoting it; empty if it can."""
        return "" if value else "is empty"

    def __repr__(self) -> str:
        """Show the reference, never the value."""
        return f"{type(self).__name__}({self.reference})"

    def __eq__(self, other: object) -> bool:
        """Compare value and origin, in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        same = hmac.compare_digest(self._value.encode(), other._value.encode())
        return same and self.reference == other.reference

    def __hash__(self) -> int:
        """Hash the reference, so that no table leaks the value's hash."""
        return hash(self.reference)


AnySecret = TypeVar("AnySecret", bound=Secret)


class Vault:
    """Where references lead: the environment, and files beside the configuration."""

    def __init__(
        self, environ: Mapping[str, str], folder: Path, files: set[Path] | None = None
    ) -> None:
        """Read variables from `environ` and relative files from `folder`; note them in `files`."""
        self._environ = environ
        self._folder = folder
        self._files = set() if files is None else files

    def fetch(self, kind: type[AnySecret], reference: str, variable: str) -> AnySecret:
        """Return the secret behind `reference`; `variable` is the name to suggest for it."""
        scheme, _, place = reference.partition(":")
        if scheme == "env" and _VARIABLE.fullmatch(place):
            value = self._from_environment(place)
        elif scheme == "file" and place:
            value = self._from_file(place)
        else:
            fix = f'write "env:{variable}" or "file:PATH" and keep the value there'
            reason = "is not a reference, and a secret never stands in this file itself"
            raise UnfitError(reason, fix)
        if reason := Secret.unfit(value) or kind.unfit(value):
            raise UnfitError(reason, f"set it in {reference}")
        return kind(reference, value)

    def _from_environment(self, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            reason = f"env:{name} is not set"
            raise UnfitError(reason, f"set the environment variable {name}")
        return value

    def _from_file(self, name: str) -> str:
        file = Path(self._folder, name)
        self._files.add(file)
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            reason = f"file:{name} cannot be read: {error.strerror}"
            fix = "relative paths start at the folder of the configuration file"
            raise UnfitError(reason, fix) from None
        except ValueError:
            reason = f"file:{name} is not UTF-8 text"
            raise UnfitError(reason) from None
        return text.rstrip("\r\n")
