"""`[state] redis`: what it takes, from a mere address to a table, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from wxgate.settings.redis import RedisUrl

if TYPE_CHECKING:
    from .conftest import Find, Load


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://127.0.0.1", ("one", False, (("127.0.0.1", 6379),), "", 0)),
        ("redis://cache.internal:7000/3", ("one", False, (("cache.internal", 7000),), "", 3)),
        ("rediss://[::1]:6380", ("one", True, (("::1", 6380),), "", 0)),
        (
            "redis+sentinel://a,b:7,[::1]/mymaster/2",
            ("sentinel", False, (("a", 26379), ("b", 7), ("::1", 26379)), "mymaster", 2),
        ),
        ("unix:///run/redis.sock", ("one", False, (("/run/redis.sock", 0),), "", 0)),
        ("unix:///run/redis.sock?db=3", ("one", False, (("/run/redis.sock", 0),), "", 3)),
        ("rediss+cluster://a,b:7", ("cluster", True, (("a", 6379), ("b", 7)), "", 0)),
    ],
)
def test_addresses(settings_of: Load, shop: str, text: str, expected: tuple[Any, ...]) -> None:
    """Of a server, of Sentinels and of a Cluster."""
    redis = settings_of(f'{shop}[state]\nredis = "{text}"\n').state.redis
    assert redis is not None
    assert redis.url == RedisUrl(text, *expected)
    assert str(redis.url) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:6379",
        "http://a",
        "redis://",
        "redis://a,b",
        "redis://a:0",
        "redis://a:65536",
        "redis://a/x",
        "redis://a/0/1",
        "redis://::1:6379",
        "redis://a?db=1",
        "unix://run/redis.sock",
        "unix:///",
        "unix:///run/redis.sock?db=x",
        "unix:///run/redis.sock?password=1",
        "redis+sentinel://a",
        "redis+cluster://a/1",
        "redis+cluster://a,,b",
        "redis+cluster://a,b c",
        "redis+cluster://a,b\\t",
        "redis+sentinel://a,[::1/mymaster",
        "://a",
        "redis:/a",
    ],
)
def test_what_is_no_address(problems_of: Find, shop: str, text: str) -> None:
    """Each is refused under its path."""
    assert list(problems_of(f'{shop}[state]\nredis = "{text}"\n')) == ["state.redis.url"]


def test_credentials_stand_beside_the_address_by_reference(
    settings_of: Load, problems_of: Find, shop: str
) -> None:
    """The address is logged; a secret never is."""
    (problem,) = problems_of(f'{shop}[state]\nredis = "redis://me:very@a"\n').values()
    assert "credentials" in problem.reason
    assert "very" not in str(problem)
    text = f'{shop}[state.redis]\nurl = "redis://a"\nuser = "me"\npassword = "env:REDIS_LOGIN"\n'
    redis = settings_of(text, REDIS_LOGIN="very secret").state.redis
    assert redis is not None
    assert redis.password is not None
    assert (redis.user, redis.password.reveal()) == ("me", "very secret")
    assert "very" not in repr(redis)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('ca = "ca.pem"', "ca"),
        ('user = "me"', "password"),
        ('sentinel_user = "me"', "sentinel_user"),
        ("budget = 0", "budget"),
        ("lease = 5", "lease"),
        ('prefix = "{wx}"', "prefix"),
    ],
)
def test_every_key_means_something(problems_of: Find, shop: str, line: str, path: str) -> None:
    """A key that nothing would read is a mistake."""
    text = f'{shop}[state.redis]\nurl = "redis://a"\n{line}\n'
    assert list(problems_of(text)) == [f"state.redis.{path}"]
