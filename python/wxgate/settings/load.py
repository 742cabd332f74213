"""From a file to `Settings`, or to every reason why not."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wxgate.errors import ConfigError, UnreadableConfigError
from wxgate.settings.hub import Hub
from wxgate.settings.model import Settings
from wxgate.settings.problems import Problem, did_you_mean
from wxgate.settings.reader import Reader
from wxgate.settings.secret import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def load(
    path: str | Path,
    environ: Mapping[str, str] | None = None,
    files: set[Path] | None = None,
) -> Settings:
    """Return the settings in the file at `path`; raise `ConfigError` with every problem.

    The files of secrets that it names are added to `files`, read or not.
    """
    path = Path(path)
    tables = _parse(path)
    reader = Reader(Vault(os.environ if environ is None else environ, path.parent, files))
    settings = reader.read(Settings, tables)
    problems = [*reader.problems, *_dangling(reader.links, tables)]
    if not problems and isinstance(settings, Settings):
        problems += _placeless(settings)
    if problems or not isinstance(settings, Settings):
        raise ConfigError(problems)
    return settings


def load_hub(path: str | Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the file at `path` that workers need; the others keep their defaults.

    Raises `ConfigError` with every problem.
    """
    path = Path(path)
    tables = {name: one for name, one in _parse(path).items() if name in Hub.__struct_fields__}
    reader = Reader(Vault(os.environ if environ is None else environ, path.parent))
    hub = reader.read(Hub, tables)
    if reader.problems or not isinstance(hub, Hub):
        raise ConfigError(reader.problems)
    return Settings(account={}, **msgspec.structs.asdict(hub))


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem(str(path), f"cannot be read: {error.strerror}")
    except tomllib.TOMLDecodeError as error:
        problem = Problem(str(path), f"is not TOML: {error}")
    except ValueError:
        problem = Problem(str(path), "is not UTF-8 text")
    raise UnreadableConfigError([problem]) from None


def _placeless(settings: Settings) -> Iterator[Problem]:
    """Find the streams that are in no Redis."""
    for at, route in enumerate(settings.route):
        if route.to.scheme == "stream" and settings.redis_of(route.to.place) is None:
            fix = f"set state.redis, or redis in [stream.{route.to.place}]"
            yield Problem(f"route[{at}].to", "a stream is in a Redis, and none is named", fix)


def _dangling(links: list[tuple[str, str, str]], tables: Mapping[str, object]) -> Iterator[Problem]:
    for path, table, name in links:
        known = tables.get(table)
        known = known if isinstance(known, dict) else {}
        if name not in known:
            yield Problem(path, f"there is no [{table}.{name}]", did_you_mean(name, known))
