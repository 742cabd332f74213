"""What each kind of account demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wxgate.settings.pay import Partner, Pay, PayV2
from wxgate.settings.push import Component, MiniProgram, WeCom, WeComSuite

if TYPE_CHECKING:
    from .conftest import Find, Load


PUSHED = 'token = "env:TOKEN"\naes_key = "env:AES_KEY"\n'


def account(kind: str, keys: str = "") -> str:
    """Write one account `a`."""
    return f'[account.a]\nkind = "{kind}"\n{keys}'


@pytest.mark.parametrize(
    ("kind", "keys", "table"),
    [
        ("miniprogram", 'appid = "wx1"\n' + PUSHED, MiniProgram),
        ("wecom", 'corpid = "ww1"\n' + PUSHED, WeCom),
        ("wecom", "bot = true\n" + PUSHED, WeCom),
        ("wecom_suite", 'suite_id = "ww1"\n' + PUSHED, WeComSuite),
        ("component", 'appid = "wx1"\n' + PUSHED, Component),
        (
            "pay",
            """
            mchid = "1"
            apiv3_key = "env:APIV3_KEY"
            platform_keys = { PUB_KEY_ID_1 = "file:pub_key.pem" }
            """,
            Pay,
        ),
        ("pay_v2", 'mchid = "1"\nkey = "env:KEY"\n', PayV2),
        (
            "partner",
            'app_id = "b"\napp_secret = "env:KEY"\npublic_key = "file:pub_key.pem"\n',
            Partner,
        ),
    ],
)
def test_every_kind_loads_with_what_it_needs(
    settings_of: Load, kind: str, keys: str, table: type
) -> None:
    """The smallest account of each kind becomes the Struct of that kind."""
    (loaded,) = settings_of(account(kind, keys)).account.values()
    assert type(loaded) is table
    assert loaded.kind == kind
    assert loaded.budget is None


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("official", ["appid", "token", "aes_key"]),
        ("miniprogram", ["appid", "token", "aes_key"]),
        ("wecom", ["token", "aes_key", "corpid"]),
        ("wecom_suite", ["suite_id", "token", "aes_key"]),
        ("component", ["appid", "token", "aes_key"]),
        ("pay", ["mchid", "apiv3_key", "platform_keys"]),
        ("pay_v2", ["mchid", "key"]),
        ("partner", ["app_id", "app_secret", "public_key"]),
    ],
)
def test_every_kind_names_all_that_it_lacks(
    problems_of: Find, kind: str, missing: list[str]
) -> None:
    """All missing keys are named together, those of a condition included."""
    assert list(problems_of(account(kind))) == [f"account.a.{key}" for key in missing]


def test_a_missing_key_is_shown_as_it_would_be_written(problems_of: Find) -> None:
    """The fix can be copied into the file."""
    problems = problems_of(account("official"))
    assert problems["account.a.appid"].fix == 'write appid = "wx0123456789abcdef"'
    assert problems["account.a.token"].fix == 'write token = ["env:A_TOKEN"]'


@pytest.mark.parametrize(
    ("mode", "accepted"), [("plain", True), ("compatible", False), ("safe", False)]
)
def test_only_plain_messages_need_no_key(
    settings_of: Load, problems_of: Find, mode: str, *, accepted: bool
) -> None:
    """Compatible mode is encrypted as well."""
    text = account("official", f'appid = "wx1"\ntoken = "env:TOKEN"\nmode = "{mode}"\n')
    if accepted:
        assert settings_of(text).account["a"].kind == "official"
    else:
        assert list(problems_of(text)) == ["account.a.aes_key"]


def test_a_misspelt_mode_is_not_taken_for_one_that_needs_a_key(problems_of: Find) -> None:
    """One slip is one problem."""
    text = account("official", 'appid = "wx1"\ntoken = "env:TOKEN"\nmode = "plian"\n')
    (problem,) = problems_of(text).values()
    assert problem.path == "account.a.mode"
    assert problem.fix == 'did you mean "plain"?'


@pytest.mark.parametrize("kind", ["wecom", "wecom_suite", "component"])
def test_what_is_always_encrypted_has_no_mode(problems_of: Find, kind: str) -> None:
    """Nothing can switch the encryption of WeCom and platforms off."""
    assert "account.a.mode" in problems_of(account(kind, 'mode = "plain"\n'))


def test_a_bot_that_is_neither_true_nor_false_is_one_problem(problems_of: Find) -> None:
    """Whether a corpid is missing shows when it has been mended."""
    assert list(problems_of(account("wecom", f"bot = 1\n{PUSHED}"))) == ["account.a.bot"]


@pytest.mark.parametrize("age", [0, 299])
def test_a_capture_cannot_be_replayed_for_ever(problems_of: Find, shop: str, age: int) -> None:
    """No `max_age` means "never stale"."""
    (problem,) = problems_of(f"{shop}max_age = {age}\n").values()
    assert str(problem) == (
        f"account.shop.max_age: expected a whole number of at least 300, found {age}"
    )


@pytest.mark.parametrize("budget", ["0", "5.1", "nan", "true", '"4"'])
def test_a_budget_lies_within_wechats_patience(problems_of: Find, shop: str, budget: str) -> None:
    """After five seconds WeChat has given up."""
    assert list(problems_of(f"{shop}budget = {budget}\n")) == ["account.shop.budget"]


def test_a_whole_number_of_seconds_is_a_number(settings_of: Load, shop: str) -> None:
    """TOML tells 3 from 3.0; operators do not."""
    assert settings_of(f"{shop}budget = 3\n").account["shop"].budget == 3.0


def test_the_kind_is_asked_for_first(problems_of: Find) -> None:
    """Without a kind no other key can be judged."""
    (missing,) = problems_of('[account.a]\nappid = "wx1"\n').values()
    assert (missing.path, missing.reason) == ("account.a.kind", "is required")
    assert "wecom_suite" in missing.fix
    (unknown,) = problems_of(account("offical")).values()
    assert unknown.fix == 'did you mean "official"?'


@pytest.mark.parametrize("value", ["5", '"shop"', "[]"])
def test_an_account_is_a_table(problems_of: Find, value: str) -> None:
    """Whatever else stands there is one problem, not a crash."""
    assert list(problems_of(f"account.a = {value}\n")) == ["account.a"]


@pytest.mark.parametrize("name", ["Shop", "-shop", "", "a" * 65, "商店", "a.b"])
def test_names_fit_into_a_path(problems_of: Find, shop: str, name: str) -> None:
    """The name is part of the callback's URL."""
    text = shop.replace("account.shop", f'account."{name}"')
    (problem,) = problems_of(text).values()
    assert problem.reason.startswith("is not a name of at most 64 characters")


def test_the_longest_name_is_taken(settings_of: Load, shop: str) -> None:
    """64 characters are still fine."""
    name = "0" + "a-_z" * 15 + "abc"
    assert name in settings_of(shop.replace("account.shop", f"account.{name}")).account


def test_two_accounts_of_one_name_are_no_toml(problems_of: Find, shop: str) -> None:
    """TOML itself refuses the second."""
    (problem,) = problems_of(shop + shop).values()
    assert problem.reason.startswith("is not TOML")


@pytest.mark.parametrize("text", ["", "account = {}\n"])
def test_a_gateway_without_accounts_does_not_start(problems_of: Find, text: str) -> None:
    """It would refuse every call."""
    assert list(problems_of(text)) == ["account"]
