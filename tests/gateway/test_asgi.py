"""The gateway called as a plain ASGI application: nothing but the protocol between."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from wxgate import Article, Event, News, Text
from wxgate.sim.forgery import FORGERIES, find, fitting

from .conftest import LOG, OFTEN
from .theatre import ask, ask_with_headers, until

if TYPE_CHECKING:
    from wxgate.sim.call import Call

    from .conftest import Crew, Stage

KINDS = [
    ("shop", "text"),
    ("mini", "text"),
    ("work", "text"),
    ("bot", "text"),
    ("suite", "suite_ticket"),
    ("platform", "component_verify_ticket"),
    ("mch", "pay"),
    ("mch_v2", "pay"),
    ("mch_v2", "refund"),
    ("billing", "partner"),
]


@pytest.mark.parametrize(("account", "kind"), KINDS)
def test_every_kind_arrives_and_is_acknowledged(stage: Stage, account: str, kind: str) -> None:
    """A handler that takes everything gets it; WeChat is satisfied."""
    theatre = stage()
    got: list[Event] = []

    @theatre.gateway.on(account)
    async def take(event: Event) -> None:
        got.append(event)

    async def run() -> None:
        async with theatre.gateway:
            message, call = theatre.call(account, kind)
            answer = await ask(theatre.gateway, call)
            assert theatre.players[account].read(message, answer).satisfied
            await theatre.counted(1)
            assert theatre.total(account, "accepted") == 1

    asyncio.run(run())
    (event,) = got
    assert event.account == account


@pytest.mark.parametrize("account", ["shop", "mini", "work", "bot", "platform"])
def test_url_verification_is_answered_and_delivered_nowhere(stage: Stage, account: str) -> None:
    """Plain or sealed, as the kind has it."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            message, call = theatre.call(account, "url")
            answer = await ask(theatre.gateway, call)
            assert theatre.players[account].read(message, answer).satisfied
            assert theatre.total(account, "answered") == 1
            assert theatre.total(account, "accepted") == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("reply", "kind", "name", "value"),
    [
        ("你说 ]]> <b>", "text", "Content", "你说 ]]> <b>"),
        (Text("hi"), "text", "Content", "hi"),
        (News([Article("题", url="http://a")]), "news", "ArticleCount", "1"),
    ],
)
def test_what_a_handler_returns_is_sealed_for_the_user(
    stage: Stage, reply: Any, kind: str, name: str, value: str
) -> None:
    """Text and objects alike."""
    theatre = stage()

    @theatre.gateway.on("shop", type="text")
    async def answer(event: Event) -> Any:
        del event
        return reply

    async def run() -> None:
        async with theatre.gateway:
            message, call = theatre.call("shop", "text")
            sealed = await ask(theatre.gateway, call)
            assert b"<Encrypt>" in sealed.body
            fields = theatre.players["shop"].read(message, sealed).reply
            assert (fields["MsgType"], fields[name]) == (kind, value)
            assert theatre.total("shop", "replied") == 1

    asyncio.run(run())


def test_a_handler_is_chosen_by_type_and_event(stage: Stage) -> None:
    """What no handler takes goes to the file's routes."""
    theatre = stage()
    got: list[str] = []

    @theatre.gateway.on("shop", event="subscribe")
    async def subscribed(event: Event) -> str:
        got.append(event.type)
        return "welcome"

    async def run() -> None:
        async with theatre.gateway:
            await theatre.play("shop", "event", "subscribe")
            await theatre.play("shop", "event", "CLICK")
            await theatre.play("mini", "text")
            await theatre.counted(3)
            assert sorted(theatre.deliveries().values()) == [1, 2]
            assert theatre.deliveries()["log:"] == 2

    asyncio.run(run())
    assert got == ["wechat.official.event.subscribe"]


@pytest.mark.parametrize("wrong", [42, b"bytes", ["a"]])
def test_what_is_no_reply_is_a_fault_of_the_handlers(stage: Stage, wrong: Any) -> None:
    """The message counts as not taken, and comes again until the handler does what it should."""
    theatre = stage(LOG + OFTEN)
    tries: list[str] = []

    @theatre.gateway.on("shop")
    async def answer(event: Event) -> Any:
        tries.append(event.id)
        return wrong if len(tries) < 3 else "right"

    async def run() -> None:
        async with theatre.gateway:
            message, call = theatre.call("shop", "text")
            sealed = await ask(theatre.gateway, call)
            assert theatre.players["shop"].read(message, sealed).reply["Content"] == "right"
            await theatre.counted(1)
            await theatre.counted(2, "retried")

    asyncio.run(run())
    assert len(set(tries)) == 1


def test_a_handler_that_raises_has_not_taken_the_message(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It is on disk, so WeChat is done with it; the log says where, and nothing of what."""
    theatre = stage(LOG + OFTEN, "reply_budget = 0.05")

    @theatre.gateway.on("shop")
    async def answer(event: Event) -> str:
        raise RuntimeError(event.text)

    async def run() -> None:
        async with theatre.gateway:
            said = await theatre.play("shop", "text", "SentinelText")
            assert (said.status, said.body) == (200, b"success")
            assert theatre.total("shop", "accepted") == theatre.total("shop", "late") == 1
            await until(lambda: sum(theatre.deliveries("retried").values()) >= 3)
            assert sum(theatre.deliveries().values()) == 0

    asyncio.run(run())
    # Once, though it fails again and again.
    assert caplog.text.count(f'File "{__file__}", line') == 1
    assert "SentinelText" not in caplog.text


def test_a_late_answer_is_acknowledged_and_its_work_goes_on(stage: Stage) -> None:
    """After the budget comes success; then the handler still finishes."""
    theatre = stage(server="reply_budget = 0.05")
    go = asyncio.Event()

    @theatre.gateway.on("shop")
    async def answer(event: Event) -> str:
        await go.wait()
        return event.text

    async def run() -> None:
        async with theatre.gateway:
            reply = await theatre.play("shop", "text")
            assert (reply.status, reply.body) == (200, b"success")
            assert theatre.total("shop", "late") == theatre.total("shop", "accepted") == 1
            assert sum(theatre.deliveries().values()) == 0
            go.set()
            await theatre.counted(1)

    asyncio.run(run())


def test_what_fails_after_its_acknowledgement_is_tried_again(stage: Stage) -> None:
    """Nobody else would send it again."""
    theatre = stage(LOG + OFTEN, "reply_budget = 0.05")
    tries: list[str] = []

    @theatre.gateway.on("shop")
    async def answer(event: Event) -> None:
        tries.append(event.id)
        if len(tries) < 3:
            await asyncio.sleep(0.1)
            raise RuntimeError(event.id)

    async def run() -> None:
        async with theatre.gateway:
            assert (await theatre.play("shop", "text")).body == b"success"
            await theatre.counted(1)
            await theatre.counted(2, "retried")

    asyncio.run(run())
    assert len(set(tries)) == 1


def test_more_than_may_be_in_flight_is_sent_again(stage: Stage) -> None:
    """At once, not after a wait; the next try finds nothing in its way."""
    theatre = stage(server="max_in_flight = 1")
    go = asyncio.Event()

    @theatre.gateway.on("shop")
    async def answer(event: Event) -> str:
        await go.wait()
        return event.text

    async def run() -> None:
        async with theatre.gateway:
            first = asyncio.create_task(theatre.play("shop", "text"))
            await until(lambda: theatre.state.pipeline.in_flight == 1)
            message, call = theatre.call("shop", "text", "zwei")
            refused, headers = await ask_with_headers(theatre.gateway, call)
            assert (refused.status, (b"retry-after", b"1") in headers) == (503, True)
            assert theatre.total("shop", "admit.busy") == 1
            go.set()
            assert (await first).status == 200
            taken = await theatre.again("shop", message)
            assert theatre.players["shop"].read(message, taken).reply["Content"] == "zwei"
            assert theatre.total("shop", "accepted") == 2

    asyncio.run(run())


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_unread(stage: Stage, *, announced: bool) -> None:
    """By its announced length, and by counting where there is none."""
    theatre = stage(server="max_body = 1024")

    async def run() -> None:
        async with theatre.gateway:
            _, call = theatre.call("shop", "text")
            huge = replace(call, body=b"x" * 5000)
            chunks = None if announced else [b"x" * 1000] * 5
            assert (await ask(theatre.gateway, huge, chunks=chunks)).status == 413
            assert theatre.total("shop", "request.too_large") == 1

    asyncio.run(run())


def test_a_chunked_body_within_the_limit_is_taken(stage: Stage) -> None:
    """However it is cut."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            _, call = theatre.call("shop", "text")
            cut = [call.body[:10], b"", call.body[10:]]
            assert (await ask(theatre.gateway, call, chunks=cut)).status == 200

    asyncio.run(run())


def test_a_stalled_body_is_given_up(stage: Stage) -> None:
    """The server itself has no limit for it."""
    theatre = stage(server="body_timeout = 0.05")
    sent: list[Any] = []

    async def never() -> dict[str, Any]:
        await asyncio.sleep(30)
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        async with theatre.gateway:
            _, call = theatre.call("shop", "text")
            scope = {"type": "http", "method": "POST", "path": call.path, "headers": []}
            await theatre.gateway({**scope, "query_string": b""}, never, send)

    asyncio.run(run())
    assert sent[0]["status"] == 408


def test_who_hangs_up_half_way_has_sent_nothing(stage: Stage) -> None:
    """No answer, no event."""
    theatre = stage()
    parts = [{"type": "http.request", "body": b"<xml>", "more_body": True}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        async with theatre.gateway:
            _, call = theatre.call("shop", "text")
            scope = {"type": "http", "method": "POST", "path": call.path, "headers": []}
            await theatre.gateway({**scope, "query_string": call.query.encode()}, receive, send)
            assert theatre.total("shop", "accepted") == 0

    asyncio.run(run())
    assert sent == []


def test_strangers_learn_nothing_from_a_refusal(stage: Stage) -> None:
    """G5: every forgery of every kind, and calls to nowhere, get the same bytes."""
    theatre = stage()
    answers: set[tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]] = set()
    causes: set[str] = set()

    async def note(call: Call) -> None:
        answer, headers = await ask_with_headers(theatre.gateway, call)
        answers.add((answer.status, answer.body, tuple(headers)))

    async def run() -> None:
        async with theatre.gateway:
            for account, kind in KINDS:
                player = theatre.players[account]
                message = player.message(kind)
                for forgery in fitting(message):
                    if forgery.name not in {"oversized", "replayed"}:
                        *_, call = forgery.calls(player, message, 1_700_000_000)
                        await note(call)
                        causes.add(forgery.name)
            _, call = theatre.call("shop", "text")
            for path in ("/", "/cb/", "/cb/nobody", "/cb/shop/wx1", "/metrics", "/healthz"):
                await note(replace(call, path=path))
            await note(replace(call, method="PUT"))

    asyncio.run(run())
    assert len(causes) >= len(FORGERIES) - 4
    ((status, body, _),) = answers
    assert (status, body) == (403, '{"code":"FAIL","message":"失败"}'.encode())


@pytest.mark.parametrize("joined", [True, False])
def test_a_doubled_pay_header_is_refused(stage: Stage, *, joined: bool) -> None:
    """Repeated, or joined by a proxy."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            _, call = theatre.call("mch", "pay")
            name, value = next(pair for pair in call.headers if pair[0].endswith("Signature"))
            doubled = (*call.headers, (name, value))
            if joined:
                rest = tuple(pair for pair in call.headers if pair[0] != name)
                doubled = (*rest, (name, f"{value}, {value}"))
            assert (await ask(theatre.gateway, replace(call, headers=doubled))).status == 403
            assert theatre.total("mch", "request.duplicate_parameter") == 1

    asyncio.run(run())


def test_a_partners_nonce_is_accepted_once_by_all_and_for_good(crew: Crew) -> None:
    """By another worker of the same gateway, and after a restart."""
    one, two = crew()
    _, call = one.call("billing", "partner")

    async def run() -> None:
        async with one.gateway, two.gateway:
            assert (await ask(one.gateway, call)).status == 200
            assert (await ask(one.gateway, call)).status == 403
            assert (await ask(two.gateway, call)).status == 403
            assert two.total("billing", "admit.nonce_reused") == 2
        async with one.gateway:
            assert (await ask(one.gateway, call)).status == 403

    asyncio.run(run())


def test_nothing_new_is_taken_while_draining(stage: Stage) -> None:
    """So that a stop ends."""
    theatre = stage()

    async def run() -> None:
        state = await theatre.gateway.open()
        await state.pipeline.drain()
        assert (await theatre.play("shop", "text")).status == 503
        assert theatre.total("shop", "admit.draining") == 1
        await theatre.gateway.aclose()

    asyncio.run(run())


def test_neither_secrets_nor_messages_are_logged(
    stage: Stage, world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Accepted, refused and failed alike."""
    caplog.set_level(logging.DEBUG)
    theatre = stage(server="reply_budget = 0.05")

    @theatre.gateway.on("mini")
    async def fail(event: Event) -> str:
        raise RuntimeError(event.id)

    async def run() -> None:
        async with theatre.gateway:
            for account in ("shop", "mini"):
                _, call = theatre.call(account, "text", "SentinelText")
                await ask(theatre.gateway, call)
                await ask(theatre.gateway, replace(call, body=call.body[:-9]))

    asyncio.run(run())
    folder = world.config.parent
    secrets = [(folder / name).read_text() for name in ("token", "aes_key", "apiv3_key", "v2_key")]
    assert caplog.text
    for secret in (*secrets, "SentinelText"):
        assert secret not in caplog.text


def test_the_log_of_refusals_is_no_flood(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand forgeries are two lines at most."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            message, _ = theatre.call("shop", "text")
            attack = find("bad-signature", message)
            (forged,) = attack.calls(theatre.players["shop"], message, int(time.time()))
            for _ in range(300):
                await ask(theatre.gateway, forged)
            assert theatre.total("shop", "verify.bad_signature") == 300

    asyncio.run(run())
    refusals = [one for one in caplog.records if one.name == "wxgate.refused"]
    assert 1 <= len(refusals) <= 3


def test_counters_account_for_every_request(stage: Stage) -> None:
    """Requests = accepted + answered + refused, in the text that Prometheus reads too."""
    theatre = stage()

    async def run() -> str:
        async with theatre.gateway:
            await theatre.play("shop", "text")
            await theatre.play("shop", "url")
            _, call = theatre.call("shop", "text")
            await ask(theatre.gateway, replace(call, body=b"<xml></xml>"))
            await ask(theatre.gateway, replace(call, path="/cb/nobody"))
            state = await theatre.gateway.open()
            return state.counters.render()

    text = asyncio.run(run())
    assert 'wxgate_accepted_total{account="shop"} 1' in text
    assert 'wxgate_answered_total{account="shop"} 1' in text
    assert 'wxgate_refused_total{account="shop",code="verify.plain_body"} 1' in text
    assert 'wxgate_refused_total{account="-",code="request.unknown_account"} 1' in text


def test_lifespan_starts_and_stops(stage: Stage) -> None:
    """As every ASGI server does it; a start that fails says why."""
    theatre = stage()
    sent: list[str] = []
    messages = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> dict[str, Any]:
        return {"type": messages.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(theatre.gateway({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_an_event_reads_as_the_docs_say(stage: Stage) -> None:
    """Attributes by CloudEvents' names, fields by WeChat's."""
    theatre = stage()
    got: list[Event] = []

    @theatre.gateway.on()
    async def take(event: Event) -> None:
        got.append(event)

    async def run() -> None:
        async with theatre.gateway:
            await theatre.play("shop", "text", "退款 1")
            await theatre.play("mch", "pay", "TRANSACTION.SUCCESS")

    asyncio.run(run())
    text, paid = got
    assert (text.type, text.text, text.openid) == (
        "wechat.official.text",
        "退款 1",
        text.data["FromUserName"],
    )
    assert text.id == f"shop:m:{text.data['MsgId']}"
    assert paid.type == "wechat.pay.transaction.success"
    assert paid.subject == paid.data["resource"]["out_trade_no"]
