"""Secrets come by reference, and no text ever shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.settings.secret import Secret
from wxgate.settings.shapes import AesKey

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Find, Load


SENTINEL = "SENTINEL" + "x" * 35
OTHER = "another"
OLD = "OLDSENTINEL" + "y" * 32


def test_an_environment_variable_is_read(settings_of: Load, shop: str) -> None:
    """`env:` leads to the variable of that name."""
    account = settings_of(shop, TOKEN=OTHER).account["shop"]
    (token,) = account.token  # type: ignore[union-attr]
    assert token.reveal() == OTHER
    assert token.reference == "env:TOKEN"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_a_file_beside_the_configuration_is_read_without_its_last_newline(
    settings_of: Load, shop: str, tmp_path: Path, ending: str
) -> None:
    """`file:` starts at the TOML's folder, wherever wxgate was started."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "token").write_bytes(b"fromfile" + ending.encode())
    settings = settings_of(shop.replace("env:TOKEN", "file:keys/token"))
    (token,) = settings.account["shop"].token  # type: ignore[union-attr]
    assert token.reveal() == "fromfile"


def test_several_keys_stand_side_by_side_in_order(settings_of: Load, shop: str) -> None:
    """The first signs and seals (G8)."""
    text = shop.replace('"env:AES_KEY"', '["env:OLD_AES_KEY", "env:AES_KEY"]')
    keys = settings_of(text).account["shop"].aes_key  # type: ignore[union-attr]
    assert [key.reference for key in keys] == ["env:OLD_AES_KEY", "env:AES_KEY"]


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("env:GONE", "env:GONE is not set"),
        ("env:EMPTY", "is empty"),
        ("file:gone", "file:gone cannot be read: No such file or directory"),
        ("file:.", "file:. cannot be read: Is a directory"),
        ("file:binary", "file:binary is not UTF-8 text"),
        ("file:empty", "is empty"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(
    problems_of: Find, shop: str, tmp_path: Path, reference: str, reason: str
) -> None:
    """Account, number and reference are in the message."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_bytes(b"\n")
    text = shop.replace('"env:TOKEN"', f'["env:TOKEN", "{reference}"]')
    (problem,) = problems_of(text, EMPTY="").values()
    assert problem.path == "account.shop.token[1]"
    assert problem.reason == reason
    assert reference.partition(":")[2] in problem.fix or "folder" in problem.fix or not problem.fix


@pytest.mark.parametrize(
    "literal", [SENTINEL, f"env:{SENTINEL}-", "env:", "file:", f"x:{SENTINEL}"]
)
def test_a_literal_is_refused_and_never_quoted(problems_of: Find, shop: str, literal: str) -> None:
    """The fix shows how to write a reference; the value stays unseen."""
    (problem,) = problems_of(shop.replace("env:TOKEN", literal)).values()
    assert problem.path == "account.shop.token[0]"
    assert problem.fix.startswith('write "env:SHOP_TOKEN" or "file:PATH"')
    assert SENTINEL not in str(problem)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("a" * 42, "42 characters, expected the 43 of EncodingAESKey"),
        ("a" * 44, "44 characters, expected the 43 of EncodingAESKey"),
        ("a" * 42 + "=", "a character outside A-Z a-z 0-9 + /, expected an EncodingAESKey"),
    ],
)
def test_an_aes_key_is_counted(problems_of: Find, shop: str, key: str, reason: str) -> None:
    """A character lost in the clipboard shows at the start, not at the first message."""
    (problem,) = problems_of(shop, AES_KEY=key).values()
    assert str(problem) == f"account.shop.aes_key[0]: {reason}; set it in env:AES_KEY"


@pytest.mark.parametrize("key", ["a" * 16, "a" * 31 + "é", "a" * 33])
def test_an_apiv3_key_is_32_ascii_characters(problems_of: Find, key: str) -> None:
    """16 would quietly mean AES-128."""
    text = '[account.a]\nkind = "pay_v2"\nmchid = "1"\nkey = "env:KEY"\napiv3_key = "env:K"\n'
    (problem,) = problems_of(text, K=key).values()
    assert problem.path == "account.a.apiv3_key[0]"


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        ("MIIBIjANBgkq", "not a PEM text"),
        ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END CERTIFICATE-----", "not a PEM text"),
    ],
)
def test_a_pem_looks_like_one(problems_of: Find, pem: str, reason: str) -> None:
    """A private key in the wrong place gets a message of its own."""
    text = '[account.a]\nkind = "partner"\napp_id = "b"\napp_secret = "env:KEY"\n'
    text += 'public_key = "env:P"\n'
    (problem,) = problems_of(text, P=pem).values()
    assert problem.reason.startswith(reason)


@pytest.mark.parametrize("value", ["a\r\nb: c", "é", ""])
def test_a_header_cannot_be_split(
    problems_of: Find, settings_of: Load, shop: str, value: str
) -> None:
    """A line break in a secret must not start another header."""
    text = shop + '[upstream.a]\nnodes = "http://x"\nheaders = { Authorization = "env:H" }\n'
    (problem,) = problems_of(text, H=value).values()
    assert problem.path == "upstream.a.headers.Authorization"
    assert settings_of(text, H="Bearer x").upstream["a"].headers["Authorization"].reveal()


def test_no_text_of_the_settings_shows_a_secret(settings_of: Load, shop: str) -> None:
    """Logs and debuggers print settings."""
    settings = settings_of(shop, TOKEN=SENTINEL, AES_KEY=SENTINEL)
    shown = f"{settings} {settings!r} {settings.account} {settings.account['shop']:}"
    assert SENTINEL not in shown
    assert "Secret(env:TOKEN)" in shown
    assert "AesKey(env:AES_KEY)" in shown


def test_no_problem_shows_a_secret(problems_of: Find, shop: str) -> None:
    """Neither a wrong secret nor a right one beside a problem is shown."""
    text = shop.replace('"env:AES_KEY"', f'["env:AES_KEY", "{OLD}"]') + "appid2 = 1\n"
    problems = problems_of(text, AES_KEY=SENTINEL + "1", TOKEN=SENTINEL)
    shown = " ".join(f"{problem} {problem!r}" for problem in problems.values())
    assert len(problems) == 3
    assert SENTINEL not in shown
    assert OLD not in shown


def test_a_secret_in_the_wrong_place_is_not_quoted_either(problems_of: Find, shop: str) -> None:
    """A value pasted one line too low is still a secret."""
    text = f'{shop}mode = "{SENTINEL}"\nmax_age = "{SENTINEL}"\n[server]\nlisten = "{SENTINEL}"\n'
    problems = problems_of(text)
    assert len(problems) == 3
    assert SENTINEL not in " ".join(map(str, problems.values()))


def test_a_file_that_is_no_toml_is_not_quoted(problems_of: Find, shop: str) -> None:
    """Quotes are easily forgotten around a pasted value."""
    (problem,) = problems_of(shop.replace('"env:TOKEN"', SENTINEL)).values()
    assert problem.reason.startswith("is not TOML")
    assert SENTINEL not in str(problem)


def test_secrets_are_equal_by_value_and_origin() -> None:
    """A reload can see whether anything changed."""
    assert Secret("env:A", "é") == Secret("env:A", "é")
    assert Secret("env:A", "x") != Secret("env:A", "y")
    assert Secret("env:A", "x") != Secret("env:B", "x")
    assert Secret("env:A", "x") != "x"
    assert len({Secret("env:A", "x"), Secret("env:A", "x"), AesKey("env:B", "x")}) == 2


def test_equal_files_give_equal_settings(settings_of: Load, shop: str) -> None:
    """Settings compare by content, secrets included."""
    assert settings_of(shop) == settings_of(shop)
    assert settings_of(shop) != settings_of(shop, TOKEN=OTHER)
