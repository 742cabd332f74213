"""The command line as such: help, exit codes, and nothing imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from wxgate.cli import COMMANDS, main
from wxgate.errors import ConfigError
from wxgate.settings import Problem

if TYPE_CHECKING:
    import argparse

    from wxgate.cli.options import Commands


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each."""
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"{name} " in shown and line in shown for name, line in COMMANDS.items())


def test_help_imports_no_command() -> None:
    """`wxgate --help` answers at once: neither msgspec nor the native module is loaded."""
    script = """
import sys
from wxgate.cli import main
try:
    main(["--help"])
finally:
    loaded = [name for name in sys.modules if name.startswith(("msgspec", "wxcore"))]
    loaded += [name for name in sys.modules if name.startswith("wxgate.cli.")]
    print("loaded:", loaded)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("loaded: []\n")


@pytest.mark.parametrize("words", [[], ["nonsense"], ["--config", "x"], ["--", "check"]])
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A script can tell it from a problem found."""
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "usage: wxgate" in capsys.readouterr().err


def test_a_command_explains_its_own_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The usage shown is the command's, not everybody's."""
    with pytest.raises(SystemExit) as left:
        main(["check", "--confg", "x"])
    assert left.value.code == 2
    assert "usage: wxgate check" in capsys.readouterr().err


def command(code: int = 0, error: Exception | None = None) -> ModuleType:
    """Return a command that ends as told."""
    module = ModuleType("wxgate.cli.serve")

    def add(commands: Commands) -> None:
        commands.add_parser("serve").add_argument("--port", type=int)

    def run(args: argparse.Namespace) -> int:
        assert args.port == 5
        if error:
            raise error
        return code

    vars(module).update(add=add, run=run)
    return module


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_is_the_commands(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 done, 1 a problem found, 2 wrong usage or configuration."""
    monkeypatch.setitem(sys.modules, "wxgate.cli.serve", command(code))
    assert main(["serve", "--port", "5"]) == code


def test_a_bad_configuration_is_explained_alike_by_all_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every problem on a line, no traceback, exit code 2."""
    error = ConfigError([Problem("a", "is wrong"), Problem("b", "as well")])
    monkeypatch.setitem(sys.modules, "wxgate.cli.serve", command(error=error))
    assert main(["serve", "--port", "5"]) == 2
    assert capsys.readouterr().err == "a: is wrong\nb: as well\n"


def test_the_words_of_the_process_are_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`wxgate` is called without arguments by its entry point."""
    monkeypatch.setattr(sys, "argv", ["wxgate", "init", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "usage: wxgate init" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Reports of faults ask for it."""
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"wxgate {version('wxgate')}\n"


def test_the_package_can_be_run() -> None:
    """Where no script is installed, `python -m wxgate.cli` is the command."""
    done = subprocess.run(
        [sys.executable, "-m", "wxgate.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: wxgate")
