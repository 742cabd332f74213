"""`wxgate doctor` and `wxgate check` on the Redis that a configuration names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from servers.fixtures import present
from servers.flavour import REDIS_7
from servers.server import Server
from streams.hub import messages
from wxgate.cli import main
from wxgate.doctor.permission import ASKED, called
from wxgate.doctor.redis import redis, uses
from wxgate.errors import StoreError
from wxgate.redis import place
from wxgate.redis.runner import Runner
from wxgate.settings import Settings
from wxgate.settings.push import Official
from wxgate.settings.redis import Redis, RedisPlace, RedisUrl
from wxgate.settings.secret import Secret
from wxgate.settings.state import State
from wxgate.settings.stream import Stream
from wxgate.settings.template import template
from wxgate.sinks.stream import StreamSink
from wxgate.streams.keys import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.cluster import Cluster
    from servers.replicated import Replicated
    from servers.tls import Identity
    from wxgate.doctor import Finding

CLAIMS = "~{wx}:* -@all +@connection +@scripting +get +mget +set +del +pexpire +time +info"
STREAMS = (
    "~wx:stream:* -@all +@connection +@scripting +info +get +mget +set +del +exists +time +pexpire "
    "+hget +hset +xadd +xlen +xtrim +xpending +xinfo|groups"
)
BOTH = STREAMS.replace("~wx:stream:*", "~{wx}:* ~wx:stream:*")
"""The rules that the documentation gives."""
PASSWORD = "SentinelPassword"  # noqa: S105 (of a server that lives as long as its test)
SECRET = Secret("env:REDIS_PASSWORD", PASSWORD)


def look(state: Redis | None = None, **streams: RedisPlace | None) -> list[Finding]:
    """What is found where claims and streams are."""
    account = Official(appid=("wx0123456789abcdef",), token=(), aes_key=())
    tables = {name: Stream(redis=where) for name, where in streams.items()}
    settings = Settings(state=State(redis=state), account={"shop": account}, stream=tables)
    return asyncio.run(redis(settings))


def claims(url: str, user: str | None = None, password: Secret | None = None) -> Redis:
    """A store of claims."""
    return Redis(url=RedisUrl.parse(url), user=user, password=password)


def failures(found: list[Finding]) -> list[tuple[str, str, str]]:
    """The keys to change, what was found, and what was expected."""
    return [(one.setting, one.found, one.expected) for one in found if one.verdict == "fail"]


@pytest.fixture
def locked(each_redis: Server) -> Iterator[Server]:
    """A server on which a user may do what claims need, and another what streams need."""
    for user, rules in (("claims", CLAIMS), ("streams", STREAMS), ("both", BOTH)):
        each_redis.say("ACL", "SETUSER", user, "on", f">{PASSWORD}", "resetkeys", *rules.split())
    yield each_redis
    each_redis.say("ACL", "DELUSER", "claims", "streams", "both")


def test_nothing_is_said_where_there_is_none() -> None:
    """A machine alone."""
    assert look() == []


def test_a_server_in_good_health(each_redis: Server) -> None:
    """Each version that is supported, for claims and for streams; what they share is said once."""
    found = look(claims(each_redis.url), orders=None, pay=None)
    assert [one.verdict for one in found] == ["ok", "ok"]
    assert "answers" in found[0].found


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-lru"])
def test_a_policy_that_drops_claims(redis_server: Server, policy: str) -> None:
    """Only where there is a limit at all."""
    redis_server.configure(maxmemory_policy=policy)
    assert failures(look(claims(redis_server.url))) == []
    redis_server.configure(maxmemory="100mb")
    ((setting, found, expected),) = failures(look(claims(redis_server.url)))
    assert policy in found
    assert (setting, expected) == (
        "state.redis.url",
        "maxmemory-policy noeviction there, or claims are lost",
    )
    stream = RedisPlace(url=RedisUrl.parse(redis_server.url))
    ((setting, _, expected),) = failures(look(orders=stream))
    assert setting == "stream.orders.redis.url"
    assert "or messages are lost" in expected


def test_nobody_there() -> None:
    """The address is named, and the setting."""
    ((setting, found, _),) = failures(look(claims("redis://127.0.0.1:1")))
    assert setting == "state.redis.url"
    assert "127.0.0.1:1" in found


def test_a_wrong_password_and_none(locked: Server) -> None:
    """The key to change is the password's, and nobody sees it."""
    wrong = Secret("env:REDIS_PASSWORD", "SentinelWrong")
    ((setting, found, expected),) = failures(look(claims(locked.url, "claims", wrong)))
    assert setting == "state.redis.password"
    assert "WRONGPASS" in found
    assert "Sentinel" not in found + expected
    locked.say("CONFIG", "SET", "requirepass", PASSWORD)
    try:
        ((setting, found, _),) = failures(look(claims(locked.url)))
    finally:
        with locked.client(password=PASSWORD) as client:
            client.config_set("requirepass", "")
    assert (setting, "NOAUTH" in found) == ("state.redis.password", True)


def test_users_with_what_the_documentation_gives_them(locked: Server) -> None:
    """It is enough for claims, and for streams."""
    stream = RedisPlace(url=RedisUrl.parse(locked.url), user="streams", password=SECRET)
    assert failures(look(claims(locked.url, "claims", SECRET), orders=stream)) == []


def test_one_user_for_claims_and_streams(locked: Server) -> None:
    """The line for both is enough for both, and a line for one alone is not."""
    stream = RedisPlace(url=RedisUrl.parse(locked.url), user="both", password=SECRET)
    asyncio.run(append(stream))
    assert failures(look(claims(locked.url, "both", SECRET), orders=stream)) == []
    stream = RedisPlace(url=RedisUrl.parse(locked.url), user="streams", password=SECRET)
    assert failures(look(claims(locked.url, "streams", SECRET), orders=stream)) != []


@pytest.mark.parametrize(
    ("page", "rules"), [("operations", CLAIMS), ("operations", BOTH), ("streams", STREAMS)]
)
def test_the_documentation_gives_these_lines(page: str, rules: str) -> None:
    """Word for word."""
    text = (Path(__file__).parents[2] / f"docs/{page}.md").read_text()
    assert f"ACL SETUSER wxgate on >… resetkeys {rules}\n" in text


async def append(place: RedisPlace) -> None:
    """Deliver to a stream, and look after it."""
    root = Root(place.prefix, "orders")
    sink = StreamSink(root, Runner(place, 5.0), partitions=16, keep=0.0)
    await sink.deliver_items([message.item for message in messages(range(1, 50))])
    await sink.look()
    await sink.aclose()


def test_what_the_documentation_gives_is_enough_to_append(locked: Server) -> None:
    """By a sink that does it; the check then finds the stream's own keys in its way neither."""
    stream = RedisPlace(url=RedisUrl.parse(locked.url), user="streams", password=SECRET)
    asyncio.run(append(stream))
    assert failures(look(orders=stream)) == []


def test_a_cluster_is_looked_at_as_a_whole(redis_cluster: Cluster) -> None:
    """Partitions are on every primary, and so may be what drops them."""
    for node in redis_cluster.nodes:
        rules = f"{STREAMS} +command +cluster|slots".split()
        node.say("ACL", "SETUSER", "streams", "on", f">{PASSWORD}", "resetkeys", *rules)
    url = RedisUrl.parse(redis_cluster.url)
    stream = RedisPlace(url=url, user="streams", password=SECRET)
    try:
        asyncio.run(append(stream))
        assert failures(look(claims(redis_cluster.url), orders=stream)) == []
        told = set()
        for node in redis_cluster.nodes:
            node.configure(maxmemory="100mb", maxmemory_policy="allkeys-lru")
            ((setting, found, _),) = failures(look(orders=stream))
            told.add((setting, f"127.0.0.1:{node.port}: drops" in found))
            node.configure(maxmemory=0)
        # The one that was asked first goes by the address of the whole.
        assert told == {("stream.orders.redis.url", True), ("stream.orders.redis.url", False)}
        for node in redis_cluster.nodes:
            node.say("ACL", "SETUSER", "streams", "-cluster|slots")
        ((setting, found, _),) = failures(look(orders=stream))
        assert (setting, "cluster|slots" in found) == ("stream.orders.redis.user", True)
    finally:
        for node in redis_cluster.nodes:
            node.say("ACL", "DELUSER", "streams")


def test_a_user_without_the_commands(locked: Server) -> None:
    """All are named at once, with the rules that would allow them; nothing is written to ask."""
    locked.say("ACL", "SETUSER", "claims", "-pexpire", "-set")
    locked.say("ACL", "SETUSER", "streams", "-xadd", "-xinfo|groups")
    stream = RedisPlace(url=RedisUrl.parse(locked.url), user="streams", password=SECRET)
    found = look(claims(locked.url, "claims", SECRET), orders=stream)
    assert failures(found) == [
        ("state.redis.user", "the user claims may not PEXPIRE, SET", "ACL rules +pexpire +set"),
        (
            "stream.orders.redis.user",
            "the user streams may not XADD, XINFO GROUPS",
            "ACL rules +xadd +xinfo|groups",
        ),
    ]
    assert locked.say("DBSIZE") == 0


def test_every_command_of_our_scripts_is_asked_about() -> None:
    """A new one has to be looked at: asked about some, servers crash."""
    state = Redis(url=RedisUrl.parse("redis://127.0.0.1"))
    account = Official(appid=("wx0123456789abcdef",), token=(), aes_key=())
    streams = {"orders": Stream()}
    settings = Settings(state=State(redis=state), account={"shop": account}, stream=streams)
    assert called([one for use in uses(settings) for one in use.scripts]) == ASKED


def test_a_user_without_the_keys_or_scripts(locked: Server) -> None:
    """The pattern that is missing is named; so is the right to run scripts, and to be told."""
    user = claims(locked.url, "claims", SECRET)
    locked.say("ACL", "SETUSER", "claims", "resetkeys", "~else:*")
    ((setting, _, expected),) = failures(look(user))
    assert (setting, expected) == ("state.redis.user", "ACL rule ~{wx}:*")
    locked.say("ACL", "SETUSER", "claims", "~{wx}:*", "-@scripting")
    ((setting, _, expected),) = failures(look(user))
    assert (setting, expected) == ("state.redis.user", "ACL rule +@scripting")
    locked.say("ACL", "SETUSER", "claims", "+@scripting", "-info")
    ((setting, found, _),) = failures(look(user))
    assert setting == "state.redis.user"
    assert "'info'" in found


def test_sentinels_and_what_they_watch(replicated: Replicated) -> None:
    """Sentinels are found, and one who watches nobody of that name is told from the servers."""
    assert failures(look(claims(replicated.url))) == []
    other = replicated.url.replace("/wx/", "/nobody/")
    ((setting, found, _),) = failures(look(claims(other)))
    assert setting == "state.redis.url"
    assert "does not know nobody" in found


def test_an_authority_that_is_not_there_or_another(tls_identity: Identity, tmp_path: Path) -> None:
    """A file that is missing, and a server whose certificate nobody here has signed."""
    place = Redis(url=RedisUrl.parse("rediss://127.0.0.1:1"), ca=str(tmp_path / "none.pem"))
    ((setting, _, _),) = failures(look(place))
    assert setting == "state.redis.ca"
    with Server(present(REDIS_7), tmp_path, tls=tls_identity) as server:
        ((setting, found, _),) = failures(look(claims(server.url)))
        assert (setting, "CERTIFICATE_VERIFY" in found) == ("state.redis.ca", True)
        trusted = Redis(url=RedisUrl.parse(server.url), ca=str(tls_identity.certificate))
        assert failures(look(trusted)) == []


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A first configuration whose secrets are set."""
    monkeypatch.setenv("SHOP_TOKEN", "QDG6eK")
    monkeypatch.setenv("SHOP_AES_KEY", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
    path = tmp_path / "wxgate.toml"
    path.write_text(template(), encoding="utf-8")
    return path


def name_redis(file: Path, url: str) -> None:
    """Have the configuration name one."""
    file.write_text(f'{template()}\n[state]\nredis = "{url}"\n', encoding="utf-8")


def check(file: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Return the exit code and what is printed."""
    code = main(["check", "--config", str(file), *words])
    return code, capsys.readouterr().out


def test_check_connects(
    file: Path, redis_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing to say of a server that will do; one line with the key for one that will not."""
    name_redis(file, redis_server.url)
    assert check(file, capsys) == (0, f"{file}: 0 errors, 0 warnings\n")
    redis_server.configure(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    code, said = check(file, capsys)
    assert code == 1
    assert said.startswith(f"error: state.redis.url: {redis_server.url}: drops keys")
    found = msgspec.json.decode(check(file, capsys, "--json")[1])
    assert [one["path"] for one in found["problems"]] == ["state.redis.url"]


def test_check_connects_to_nothing_where_it_is_told_so(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--offline` reads the file; so does a file that names none."""
    name_redis(file, "redis://127.0.0.1:1")
    code, said = check(file, capsys)
    assert (code, said.startswith("error: state.redis.url: ")) == (1, True)

    class Nowhere:
        def __init__(self, *_: object) -> None:
            raise StoreError("connected")  # noqa: EM101 (read by nobody)

    monkeypatch.setattr(place, "Place", Nowhere)
    assert check(file, capsys, "--offline") == (0, f"{file}: 0 errors, 0 warnings\n")
    file.write_text(template(), encoding="utf-8")
    assert check(file, capsys) == (0, f"{file}: 0 errors, 0 warnings\n")
