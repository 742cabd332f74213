"""The blob is exactly what the core's serde expects: it refuses unknown keys."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from wxgate.errors import ConfigError
from wxgate.settings import Problem, core_blob, core_problems

from .conftest import ENVIRON, PEM

if TYPE_CHECKING:
    from .conftest import Load

TOKEN, AES_KEY, OLD_AES_KEY = (ENVIRON[name] for name in ("TOKEN", "AES_KEY", "OLD_AES_KEY"))
PUSHED = 'token = "env:TOKEN"\naes_key = "env:AES_KEY"\n'


def account(load: Load, kind: str, keys: str) -> dict[str, Any]:
    """Return how the blob describes one account."""
    blob = core_blob(load(f'[account.a]\nkind = "{kind}"\n{keys}'))
    (found,) = msgspec.json.decode(blob)["accounts"]
    assert isinstance(found, dict)
    return found


def pushed(kind: str, ids: list[str], **others: object) -> dict[str, object]:
    """Return what the blob holds of an account with a token."""
    return {
        "name": "a",
        "kind": kind,
        "receive_ids": ids,
        "tokens": [TOKEN],
        "aes_keys": [AES_KEY],
        "mode": "safe",
        "format": "xml",
        "max_age": 86400,
    } | others


@pytest.mark.parametrize(
    ("kind", "keys", "expected"),
    [
        ("official", 'appid = "wx1"', pushed("official", ["wx1"])),
        ("official", 'appid = ["wx1", "wx2"]', pushed("official", ["wx1", "wx2"])),
        (
            "miniprogram",
            'appid = "wx1"\nmode = "compatible"\nformat = "json"\nmax_age = 300',
            pushed("miniprogram", ["wx1"], mode="compatible", format="json", max_age=300),
        ),
        ("wecom", 'corpid = "ww1"', pushed("wecom", ["ww1"])),
        ("wecom", "bot = true", pushed("wecom", [""], format="json")),
        ("wecom", 'bot = true\ncorpid = "w"', pushed("wecom", ["w", ""], format="json")),
        ("wecom_suite", 'suite_id = "s"', pushed("wecom_suite", ["s"])),
        ("wecom_suite", 'suite_id = "s"\ncorpid = "c"', pushed("wecom_suite", ["s", "c"])),
        ("component", 'appid = "wx1"', pushed("component", ["wx1"], authorizers=None)),
        (
            "component",
            'appid = "wx1"\nauthorizers = ["wx2"]',
            pushed("component", ["wx1"], authorizers=["wx2"]),
        ),
    ],
)
def test_accounts_with_a_token(
    settings_of: Load, kind: str, keys: str, expected: dict[str, object]
) -> None:
    """Each kind has the same keys; only a platform says whose messages it takes."""
    assert account(settings_of, kind, f"{PUSHED}{keys}\n") == expected


def test_a_plain_account_may_have_no_key(settings_of: Load) -> None:
    """Then the list is empty, not absent."""
    found = account(settings_of, "official", 'appid = "x"\ntoken = "env:TOKEN"\nmode = "plain"\n')
    assert found == pushed("official", ["x"], aes_keys=[], mode="plain")


def test_the_order_of_keys_is_kept(settings_of: Load, shop: str) -> None:
    """The first seals."""
    text = shop.replace('"env:AES_KEY"', '["env:OLD_AES_KEY", "env:AES_KEY"]')
    (found,) = msgspec.json.decode(core_blob(settings_of(text)))["accounts"]
    assert found["aes_keys"] == [OLD_AES_KEY, AES_KEY]


def test_a_merchant(settings_of: Load) -> None:
    """Platform keys are pairs, in the order of the file."""
    keys = """
mchid = "1900000001"
apiv3_key = "env:APIV3_KEY"
platform_keys = { PUB_KEY_ID_1 = "file:pub_key.pem", 5157F09E = "file:pub_key.pem" }
"""
    assert account(settings_of, "pay", keys) == {
        "name": "a",
        "kind": "pay",
        "mchids": ["1900000001"],
        "apiv3_keys": [ENVIRON["APIV3_KEY"]],
        "platform_keys": [["PUB_KEY_ID_1", PEM.strip()], ["5157F09E", PEM.strip()]],
    }


@pytest.mark.parametrize(
    ("more", "sign_type", "apiv3_keys"),
    [
        ("", None, []),
        (
            'sign_type = "HMAC-SHA256"\napiv3_key = "env:APIV3_KEY"\n',
            "HMAC-SHA256",
            [ENVIRON["APIV3_KEY"]],
        ),
    ],
)
def test_a_merchant_of_the_old_interface(
    settings_of: Load, more: str, sign_type: str | None, apiv3_keys: list[str]
) -> None:
    """What is optional is null or empty."""
    assert account(settings_of, "pay_v2", f'mchid = "1"\nkey = "env:KEY"\n{more}') == {
        "name": "a",
        "kind": "pay_v2",
        "mchids": ["1"],
        "keys": [ENVIRON["KEY"]],
        "sign_type": sign_type,
        "apiv3_keys": apiv3_keys,
    }


def test_a_partner(settings_of: Load) -> None:
    """Both ways to sign stand side by side."""
    keys = 'app_id = "billing"\napp_secret = "env:KEY"\npublic_key = "file:pub_key.pem"\n'
    assert account(settings_of, "partner", keys) == {
        "name": "a",
        "kind": "partner",
        "app_id": "billing",
        "app_secrets": [ENVIRON["KEY"]],
        "public_keys": [PEM.strip()],
    }


ROUTES = """
[upstream.spare]
nodes = "http://127.0.0.1:9000"
hash = "none"

[upstream.orders]
nodes = ["http://127.0.0.1:9001", { url = "http://127.0.0.1:9002", weight = 2 }]
headers = { Authorization = "env:KEY" }

[[route]]
to = "upstream:orders"
reply = "wait"
when.account = "shop"
when.kind = ["official"]
when.type = "text"
when.event = "subscribe"
when.info_type = "x"
when.change_type = "y"
when.event_type = ["z"]
when.content = "^a"
when.key = "^b"
when.openid = "^c"
when.field = { "A.B" = "^d" }

[[route]]
to = "http://127.0.0.1:9003/hook"
also = true

[[route]]
to = "python:shop:handle"
"""


def test_a_node_is_told_by_its_name(settings_of: Load, shop: str) -> None:
    """If it has one: then it keeps its keys wherever it is."""
    text = '[upstream.a]\nnodes = [{ url = "http://127.0.0.1:9000", name = "orders-1" }]\n'
    (upstream,) = msgspec.json.decode(core_blob(settings_of(shop + text)))["upstreams"]
    assert upstream["nodes"] == [{"url": "http://127.0.0.1:9000", "weight": 1, "name": "orders-1"}]


def test_upstreams_and_routes(settings_of: Load, shop: str) -> None:
    """Upstreams by index, conditions under the TOML's names; nothing the core has no use for."""
    found = msgspec.json.decode(core_blob(settings_of(shop + ROUTES)))
    assert list(found) == ["accounts", "upstreams", "routes"]
    assert found["upstreams"] == [
        {
            "name": "spare",
            "nodes": [{"url": "http://127.0.0.1:9000", "weight": 1}],
            "hash": "none",
        },
        {
            "name": "orders",
            "nodes": [
                {"url": "http://127.0.0.1:9001", "weight": 1},
                {"url": "http://127.0.0.1:9002", "weight": 2},
            ],
            "hash": "openid",
        },
    ]
    when = {
        "account": ["shop"],
        "kind": ["official"],
        "type": ["text"],
        "event": ["subscribe"],
        "info_type": ["x"],
        "change_type": ["y"],
        "event_type": ["z"],
        "content": "^a",
        "key": "^b",
        "openid": "^c",
        "field": {"A.B": "^d"},
    }
    assert found["routes"] == [
        {"when": when, "upstream": 1, "reply": "wait", "also": False},
        {"when": {}, "upstream": None, "reply": "ack", "also": True},
        {"when": {}, "upstream": None, "reply": "ack", "also": False},
    ]


def test_the_implicit_route_is_in_the_blob(settings_of: Load, shop: str) -> None:
    """The core knows of it too: no message is without a route then."""
    found = msgspec.json.decode(core_blob(settings_of(shop)))
    assert found["routes"] == [{"when": {}, "upstream": None, "reply": "ack", "also": False}]
    assert found["upstreams"] == []


def test_the_core_is_asked_with_the_blob(
    settings_of: Load, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its findings come back as problems under its own paths."""
    settings = settings_of(shop)
    asked: list[bytes] = []

    def check(blob: bytes) -> list[tuple[str, str]]:
        asked.append(blob)
        return [("route[0].when.content", "is no regular expression")]

    core = SimpleNamespace(check=check)
    monkeypatch.setitem(sys.modules, "wxcore", SimpleNamespace(_wxcore=core))
    monkeypatch.setitem(sys.modules, "wxcore._wxcore", core)
    assert core_problems(settings) == [Problem("route[0].when.content", "is no regular expression")]
    assert asked == [core_blob(settings)]


LIMITS = """
[server]
trusted_proxies = "10.0.0.0/8"

[[limit]]
name = "one-user"
per = "openid"
rate = "100/min"
burst = 20
when.account = "shop"

[[limit]]
name = "places"
per = "account"
concurrency = 4
"""


def test_limits_and_the_proxies_in_front(settings_of: Load, shop: str) -> None:
    """Written out, for the core knows no defaults of the file's."""
    text = LIMITS.split("[[limit]]", 1)
    found = msgspec.json.decode(core_blob(settings_of(f"{text[0]}{shop}[[limit]]{text[1]}")))
    assert found["trusted_proxies"] == ["10.0.0.0/8"]
    first, second = found["limits"]
    assert first == {
        "name": "one-user",
        "when": {"account": ["shop"]},
        "per": "openid",
        "rate": "100/min",
        "burst": 20,
        "concurrency": None,
        "warm_up": 0,
        "action": "reject",
    }
    assert (second["rate"], second["concurrency"], second["when"]) == (None, 4, {})


def test_what_only_the_core_can_judge_of_limits(settings_of: Load, shop: str) -> None:
    """By the path under which the operator wrote it."""
    text = LIMITS.replace("100/min", "often").replace("10.0.0.0/8", "here").split("[[limit]]", 1)
    problems = core_problems(settings_of(f"{text[0]}{shop}[[limit]]{text[1]}"))
    assert [one.path for one in problems] == ["limit[0].rate", "server.trusted_proxies[0]"]


def test_an_account_that_a_limit_names_must_exist(settings_of: Load, shop: str) -> None:
    """As for routes: a limit that never holds is a slip."""
    text = '[[limit]]\nname = "a"\nper = "all"\nrate = "1/s"\nwhen.account = "shopp"\n'
    with pytest.raises(ConfigError) as caught:
        settings_of(shop + text)
    assert [one.path for one in caught.value.problems] == ["limit[0].when.account[0]"]
