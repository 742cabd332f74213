"""`wxgate init` writes a first configuration and never touches one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wxgate.cli import main
from wxgate.settings.template import template

if TYPE_CHECKING:
    import pytest


def test_it_writes_the_template_and_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next command can be copied from the screen."""
    path = tmp_path / "gate.toml"
    assert main(["init", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == template()
    assert f"wxgate check --config {path}" in capsys.readouterr().out


def test_without_a_path_it_is_the_file_that_other_commands_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wxgate init && wxgate check` works."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert Path("wxgate.toml").read_text(encoding="utf-8") == template()


def test_it_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a file nor a link that leads nowhere."""
    path = tmp_path / "wxgate.toml"
    path.write_text("mine")
    assert main(["init", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "elsewhere")
    assert main(["init", str(link)]) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says why it cannot write."""
    path = tmp_path / "gone" / "wxgate.toml"
    assert main(["init", str(path)]) == 2
    assert capsys.readouterr().err == f"{path} cannot be written: No such file or directory\n"
