"""The words in which errors and the reference page speak of types and values."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import pytest
from msgspec import Meta
from wxgate.settings.hints import describe, describe_found
from wxgate.settings.paths import join, variable
from wxgate.settings.samples import sample, toml
from wxgate.settings.secret import Secret
from wxgate.settings.texts import Address


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "a whole number"),
        (Annotated[int, Meta(ge=1)], "a whole number of at least 1"),
        (Annotated[int, Meta(ge=1, le=9)], "a whole number from 1 to 9"),
        (Annotated[float, Meta(gt=0)], "a number above 0"),
        (Annotated[float, Meta(gt=0, le=5)], "a number above 0, at most 5"),
        (bool, "true or false"),
        (Annotated[str, Meta(title="a name")], "a name"),
        (Literal["a", "b", "c"], '"a", "b" or "c"'),
        (tuple[Secret, ...], "secret reference, or a list"),
        (dict[str, Secret], "a table of secret references"),
        (Annotated[Address | None, Meta(description="x")], Address.noun),
    ],
)
def test_types_in_words(hint: object, words: str) -> None:
    """No Python name gets to an operator."""
    assert describe(hint) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1.5, "1.5"),
        (True, "true or false"),
        ("secret", "text"),
        ("", "an empty text"),
        ([1], "a list"),
        ({}, "a table"),
        (date(2026, 1, 1), "a date or time"),
    ],
)
def test_values_in_words(value: object, words: str) -> None:
    """Numbers are quoted; a text never is."""
    assert describe_found(value) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('a"b', '"a\\"b"'),
        ("退款", '"退款"'),
        (True, "true"),
        (4.5, "4.5"),
        (("a", 1), '["a", 1]'),
        ({"a b": "c"}, '{ "a b" = "c" }'),
        (Address("::1", 80), '"[::1]:80"'),
    ],
)
def test_values_as_toml(value: object, text: str) -> None:
    """What the template writes can be read back."""
    assert toml(value) == text


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Annotated[str, Meta(examples=["x"])], '"x"'),
        (Literal["a", "b"], '"a"'),
        (Secret, '"env:SHOP_TOKEN"'),
        (tuple[Secret, ...], '["env:SHOP_TOKEN"]'),
        (str, ""),
    ],
)
def test_samples(hint: object, value: str) -> None:
    """A secret's sample is a reference named after its place."""
    assert sample(hint, "account.shop.token") == value


@pytest.mark.parametrize(
    ("parent", "key", "path"),
    [("", "a", "a"), ("a[0]", "b-c", "a[0].b-c"), ("a", "b.c", 'a."b.c"'), ("a", "", 'a.""')],
)
def test_paths_quote_as_toml_does(parent: str, key: str, path: str) -> None:
    """A dotted key stays one key."""
    assert join(parent, key) == path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("account.shop.aes_key[1]", "SHOP_AES_KEY"),
        ("upstream.a-b.headers.X-Key", "A_B_HEADERS_X_KEY"),
        ('account."商店".token', "TOKEN"),
        ("x", "SECRET"),
    ],
)
def test_variables_are_named_after_paths(path: str, name: str) -> None:
    """The suggestion is always a name that a shell takes."""
    assert variable(path) == name
