"""One gateway under one configuration after the other, while messages come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wxgate.errors import ConfigError
from wxgate.settings import load
from wxgate.sim import cast, invent

from .reloading import results, rewrite
from .services import Scripted
from .theatre import ask, until

if TYPE_CHECKING:
    from servers.server import Server
    from wxgate import Event

    from .conftest import Stage
    from .theatre import Theatre

LOG = '[[route]]\nto = "log:"\n'


def test_a_key_turns_while_messages_come(stage: Stage) -> None:
    """New beside old, then only the new one; the reply is sealed with what opened the message."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway as gateway:
            old = theatre.players["shop"]
            (theatre.folder / "token2").write_text(invent.alphanumeric(16))
            (theatre.folder / "key2").write_text(invent.aes_key())
            rewrite(theatre, 'aes_key = "file:aes_key"', 'aes_key = "file:key2"')
            new = cast(load(theatre.folder / "wxgate.toml"), "shop")
            assert (await theatre.play("shop", "text")).status == 200
            theatre.players["shop"] = new
            assert (await theatre.play("shop", "text")).status == 403
            rewrite(theatre, '"file:key2"', '["file:aes_key", "file:key2"]')
            assert await gateway.reload()
            for player in (old, new):
                theatre.players["shop"] = player
                assert (await theatre.play("shop", "text")).status == 200
            rewrite(theatre, '["file:aes_key", "file:key2"]', '"file:key2"')
            assert await gateway.reload()
            assert (await theatre.play("shop", "text")).status == 200
            theatre.players["shop"] = old
            assert (await theatre.play("shop", "text")).status == 403
            assert not await gateway.reload()
            assert results(theatre) == {"applied": 2, "unchanged": 1, "invalid": 0, "refused": 0}
            assert theatre.state.pipeline.generation.number == 3
            assert theatre.total("shop", "accepted") == 4

    asyncio.run(run())


def test_a_request_that_waits_is_answered_under_what_it_came_under(stage: Stage) -> None:
    """Its account is gone meanwhile, and so are its keys and its route."""

    async def run() -> None:
        async with Scripted(body=b'{"type":"text","content":"late"}') as service:
            service.ready.clear()
            routes = f'[[route]]\nto = "{service.url}"\nreply = "wait"\n'
            theatre = stage(routes)
            text = (theatre.folder / "wxgate.toml").read_text()
            async with theatre.gateway as gateway:
                message, call = theatre.call("shop", "text")
                waiting = asyncio.create_task(ask(gateway, call))
                await until(lambda: service.got)
                start, end = text.index("[account.shop]"), text.index("[account.mini]")
                file = theatre.folder / "wxgate.toml"
                file.write_text((text[:start] + text[end:]).replace(routes, LOG))
                await gateway.reload()
                assert (await ask(gateway, theatre.call("shop", "text")[1])).status == 403
                service.ready.set()
                answer = await waiting
                reading = theatre.players["shop"].read(message, answer)
                assert reading.satisfied
                assert reading.reply["Content"] == "late"
                assert theatre.total("shop", "replied") == 1
                assert [one.leaving for one in theatre.state.dispatcher.snapshot()] == [True, False]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("[server]", "[server]\nworkers = 2", "server.workers"),
        ("[server]", '[journal]\ndir = "elsewhere"\n[server]', "journal.dir"),
        ("[server]", "[state]\nmax_claims = 1000\n[server]", "state.max_claims"),
        ('to = "log:"', 'to = "upstream:nobody"', "route[0].to"),
        ('to = "log:"', 'to = "log:"\nwhen = { content = "(" }', "route[0]"),
        ("[server]", "[server", "wxgate.toml"),
    ],
)
def test_what_cannot_be_taken_is_refused_as_a_whole(
    stage: Stage, old: str, new: str, path: str
) -> None:
    """By name, and with it what could be taken."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway as gateway:
            rewrite(theatre, "[server]", "[server]\nmax_in_flight = 7")
            rewrite(theatre, old, new)
            with pytest.raises(ConfigError) as caught:
                await gateway.reload()
            assert path in str(caught.value)
            generation = theatre.state.pipeline.generation
            assert (generation.number, generation.settings.server.max_in_flight) == (1, 1024)
            assert results(theatre)["invalid"] == 1
            assert (await theatre.play("shop", "text")).status == 200

    asyncio.run(run())


PLACE = """
[state.redis]
url = "{url}"
user = "wxgate"
password = "file:redis_password"
budget = 1.0
"""


def test_the_password_of_the_state_turns_as_the_docs_say(
    stage: Stage, own_redis: Server, tmp_path: Path
) -> None:
    """Two at once in Redis, and a restart: until then no reload is taken, be it for anything."""
    own_redis.say("ACL", "SETUSER", "wxgate", "on", ">old", "~*", "+@all")
    file = tmp_path / "redis_password"
    file.write_text("old")
    theatre = stage(LOG + PLACE.format(url=own_redis.url))

    async def shares(one: Theatre, reconnects: int = 0) -> None:
        store = one.state.stores.shared
        assert store is not None
        await until(lambda: store.is_shared and store.tally.reconnects >= reconnects)

    async def run() -> None:
        async with theatre.gateway as gateway:
            await shares(theatre)
            own_redis.say("ACL", "SETUSER", "wxgate", ">new")
            file.write_text("new")
            for count, more in enumerate(("", "max_in_flight = 7\n"), 1):
                rewrite(theatre, "[server]\n", f"[server]\n{more}")
                with pytest.raises(ConfigError, match=r"state\.redis\.password.* needs a restart"):
                    await gateway.reload()
                assert results(theatre)["invalid"] == count
            own_redis.say("CLIENT", "KILL", "TYPE", "normal")
            await shares(theatre, 1)
        after = theatre.restarted()
        async with after.gateway:
            own_redis.say("ACL", "SETUSER", "wxgate", "<old")
            own_redis.say("CLIENT", "KILL", "TYPE", "normal")
            await shares(after, 1)

    asyncio.run(run())


def test_a_function_that_is_not_there_changes_nothing(stage: Stage) -> None:
    """Only a worker can find that out."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway as gateway:
            rewrite(theatre, 'to = "log:"', 'to = "python:no_such_module:handle"')
            with pytest.raises(ImportError):
                await gateway.reload()
            assert results(theatre)["refused"] == 1
            assert (await theatre.play("shop", "text")).status == 200

    asyncio.run(run())


def test_a_handler_of_an_account_that_is_not_there_is_refused(stage: Stage) -> None:
    """At the start, with the one that was meant; it would never be called."""
    theatre = stage()

    @theatre.gateway.on("shopp", type="text")
    async def never(_: Event) -> None: ...

    with pytest.raises(ConfigError, match="did you mean") as caught:
        asyncio.run(theatre.gateway.open())
    assert str(caught.value).startswith('Gateway.on("shopp"): there is no such account')


def test_limits_come_change_and_go(stage: Stage) -> None:
    """Under the names of their rules: what was used up stays used up, and is counted on."""
    theatre = stage()
    limit = '[[limit]]\nname = "few"\nper = "account"\nrate = "1/h"\nburst = 2\n'

    async def run() -> None:
        async with theatre.gateway as gateway:
            file = theatre.folder / "wxgate.toml"
            text = file.read_text()
            assert (await theatre.play("shop", "text")).status == 200
            file.write_text(text + limit)
            await gateway.reload()
            told = [(await theatre.play("shop", "text")).status for _ in range(3)]
            assert told == [200, 200, 503]
            first = '[[limit]]\nname = "none"\nper = "openid"\nrate = "1000/s"\n'
            file.write_text(text + first + limit)
            await gateway.reload()
            assert (await theatre.play("shop", "text")).status == 503
            rendered = theatre.state.counters.render()
            assert 'wxgate_limit_denied_total{limit="few"} 2' in rendered
            file.write_text(text)
            await gateway.reload()
            assert (await theatre.play("shop", "text")).status == 200
            assert 'wxgate_limit_denied_total{limit="few"} 2' in theatre.state.counters.render()

    asyncio.run(run())


def test_destinations_keep_their_names_over_restarts(stage: Stage) -> None:
    """What was recorded under an index given at run time is found by its name."""

    async def run() -> None:
        async with Scripted(status=503) as service:
            theatre = stage()
            async with theatre.gateway as gateway:
                rewrite(theatre, 'to = "log:"', f'to = "{service.url}"')
                await gateway.reload()
                assert (await theatre.play("shop", "text")).status == 200
                await until(lambda: service.got)
            service.status = 200
            async with theatre.gateway:
                await theatre.counted(1)
                assert theatre.deliveries() == {service.url: 1}

    asyncio.run(run())


def test_counters_outlive_the_accounts_they_count(stage: Stage) -> None:
    """An account that comes back counts on."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway as gateway:
            file = theatre.folder / "wxgate.toml"
            text = file.read_text()
            await theatre.play("shop", "text")
            start, end = text.index("[account.shop]"), text.index("[account.mini]")
            file.write_text(text[:start] + text[end:])
            await gateway.reload()
            await theatre.play("mini", "text")
            assert theatre.total("shop", "accepted") == 1
            file.write_text(text)
            await gateway.reload(Path("wxgate.toml"))
            await theatre.play("shop", "text")
            assert theatre.total("shop", "accepted") == 2
            assert theatre.total("mini", "accepted") == 1

    asyncio.run(run())
