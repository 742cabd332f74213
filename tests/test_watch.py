"""Changes of files are seen, however editors and orchestrators make them, and nothing else is."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest
from wxgate.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def watch() -> Iterator[Watch]:
    """A watch of nothing yet."""
    made = Watch()
    yield made
    made.close()


def readable(watch: Watch) -> bool:
    """Whether something was heard."""
    return bool(select.select([watch], [], [], 0)[0])


def written(file: Path) -> None:
    """In place."""
    file.write_text("two!")


def replaced(file: Path) -> None:
    """As most editors do it."""
    fresh = file.with_suffix(".new")
    fresh.write_text("two")
    fresh.replace(file)


def removed(file: Path) -> None:
    """For good."""
    file.unlink()


@pytest.mark.parametrize("change", [written, replaced, removed])
def test_a_file_changes(watch: Watch, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """It is heard once, and known from then on."""
    file = tmp_path / "wxgate.toml"
    file.write_text("one")
    watch.files([file])
    assert not readable(watch)
    assert not watch.changed()
    change(file)
    assert readable(watch)
    assert watch.changed()
    assert not readable(watch)
    watch.see()
    assert not watch.changed()


def test_a_mount_swaps_its_link(watch: Watch, tmp_path: Path) -> None:
    """Kubernetes' way: the file is a link through a link, and only that one changes."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(name)
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "token").symlink_to("..data/token")
    watch.files([tmp_path / "token"])
    (tmp_path / "..fresh").symlink_to("second")
    (tmp_path / "..fresh").rename(tmp_path / "..data")
    assert readable(watch)
    assert watch.changed()


def test_a_neighbour_is_no_change(watch: Watch, tmp_path: Path) -> None:
    """It is heard, and nothing has changed."""
    file = tmp_path / "wxgate.toml"
    file.write_text("one")
    watch.files([file])
    (tmp_path / "other").write_text("x")
    assert readable(watch)
    assert not watch.changed()
    assert not readable(watch)


def test_a_file_that_is_not_there_yet_comes(watch: Watch, tmp_path: Path) -> None:
    """A secret that was missing."""
    watch.files([tmp_path / "token"])
    assert not watch.changed()
    (tmp_path / "token").write_text("one")
    assert readable(watch)
    assert watch.changed()


def test_what_is_not_named_any_more_is_not_watched(watch: Watch, tmp_path: Path) -> None:
    """A secret in another folder."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    files = [tmp_path / "a" / "token", tmp_path / "b" / "token"]
    watch.files(files)
    watch.files(files[:1])
    assert not watch.changed()
    (tmp_path / "b" / "token").write_text("x")
    assert not readable(watch)
    (tmp_path / "a" / "token").write_text("x")
    assert readable(watch)
