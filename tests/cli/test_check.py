"""`wxgate check` finds everything, shows no secret, and answers with its exit code."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from wxgate.cli import main
from wxgate.settings.template import template

if TYPE_CHECKING:
    from pathlib import Path

SENTINEL = "SENTINEL" + "x" * 35


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return what the core is going to find; it stands in for the native module."""
    found: list[tuple[str, str]] = []
    module = SimpleNamespace(check=lambda _: found)
    monkeypatch.setitem(sys.modules, "wxcore", SimpleNamespace(_wxcore=module))
    monkeypatch.setitem(sys.modules, "wxcore._wxcore", module)
    return found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, core: object) -> Path:
    """Return a first configuration whose secrets are set."""
    del core
    monkeypatch.setenv("SHOP_TOKEN", "QDG6eK")
    monkeypatch.setenv("SHOP_AES_KEY", SENTINEL)
    path = tmp_path / "wxgate.toml"
    path.write_text(template(), encoding="utf-8")
    return path


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what `--json` says."""
    code = main(["check", "--config", str(path), "--json"])
    found = msgspec.json.decode(capsys.readouterr().out)
    assert isinstance(found, dict)
    return code, found


def test_a_sound_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, and a line that says so."""
    assert main(["check", "--config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: 0 errors, 0 warnings\n"
    assert check(file, capsys) == (0, {"ok": True, "problems": [], "warnings": []})


def test_the_file_of_this_folder_is_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`wxgate init && wxgate check` works."""
    monkeypatch.chdir(file.parent)
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "wxgate.toml: 0 errors, 0 warnings\n"


def test_problems_exit_with_1(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them are printed, with what to do."""
    monkeypatch.delenv("SHOP_TOKEN")
    file.write_text(template() + "zzz = 1\n", encoding="utf-8")
    assert main(["check", "--config", str(file)]) == 1
    assert capsys.readouterr().out == (
        "error: account.shop.token[0]: env:SHOP_TOKEN is not set; "
        "set the environment variable SHOP_TOKEN\n"
        "error: route[0].zzz: is not a known key; known here: also, reply, to, when\n"
        f"{file}: 2 errors, 0 warnings\n"
    )


def test_json_keeps_path_reason_and_fix_apart(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program need not parse sentences."""
    monkeypatch.setenv("SHOP_AES_KEY", SENTINEL[1:])
    assert check(file, capsys) == (
        1,
        {
            "ok": False,
            "problems": [
                {
                    "path": "account.shop.aes_key[0]",
                    "reason": "42 characters, expected the 43 of EncodingAESKey",
                    "fix": "set it in env:SHOP_AES_KEY",
                }
            ],
            "warnings": [],
        },
    )


def test_warnings_alone_are_fine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wxgate would start, so the exit code is 0."""
    file.write_text(template().replace('# mode = "safe"', 'mode = "plain"', 1), encoding="utf-8")
    assert main(["check", "--config", str(file)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("warning: account.shop.mode: the body is not signed")
    code, found = check(file, capsys)
    assert (code, found["ok"], len(found["warnings"])) == (0, True, 1)


def test_the_core_has_the_last_word(
    file: Path, core: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only it can compile a regular expression the way the gateway will."""
    core.append(("route[0].when.content", "unclosed group"))
    assert main(["check", "--config", str(file)]) == 1
    assert "error: route[0].when.content: unclosed group\n" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"= 1"])
def test_a_file_that_cannot_be_read_exits_with_2(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no problems of its own then."""
    path = tmp_path / "wxgate.toml"
    if content is not None:
        path.write_bytes(content)
    code, found = check(path, capsys)
    assert (code, found["ok"], len(found["problems"])) == (2, False, 1)
    assert found["problems"][0]["path"] == str(path)


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_no_output_shows_a_secret(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    json: list[str],
) -> None:
    """Neither one that is fine, nor one that is not, nor one that stands in the file itself."""
    monkeypatch.setenv("SHOP_TOKEN", f"{SENTINEL}!")
    words = ["check", "--config", str(file), *json]
    assert main(words) == 0
    monkeypatch.setenv("SHOP_AES_KEY", f"{SENTINEL}!")
    file.write_text(template().replace("env:SHOP_TOKEN", SENTINEL), encoding="utf-8")
    assert main(words) == 1
    shown = capsys.readouterr()
    assert "token[0]" in shown.out
    assert SENTINEL not in shown.out + shown.err
