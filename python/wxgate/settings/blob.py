"""The one blob in which configuration crosses to the Rust core: JSON, secrets revealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wxgate.settings.pay import Partner, Pay, PayV2
from wxgate.settings.push import Component, MiniProgram, Official, WeCom, WeComSuite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxgate.settings.limit import Limit
    from wxgate.settings.model import Account, PushAccount, Settings
    from wxgate.settings.push import Format, Mode
    from wxgate.settings.route import Route, When
    from wxgate.settings.secret import Secret
    from wxgate.settings.upstream import Upstream


def core_blob(settings: Settings) -> bytes:
    """Return what the core needs to know. It holds secrets: never log or store it."""
    indices = {name: at for at, name in enumerate(settings.upstream)}
    return msgspec.json.encode(
        {
            "accounts": [_account(name, one) for name, one in settings.account.items()],
            "upstreams": [_upstream(name, one) for name, one in settings.upstream.items()],
            "routes": [_route(one, indices) for one in settings.route],
        }
        | _limits(settings)
    )


def upstream_blob(name: str, upstream: Upstream) -> bytes:
    """Return a configuration of one upstream, and a route that leads to it whatever comes."""
    routes = [{"upstream": 0}]
    return msgspec.json.encode(
        {"accounts": [], "upstreams": [_upstream(name, upstream)], "routes": routes}
    )


def _reveal(secrets: Iterable[Secret]) -> list[str]:
    return [secret.reveal() for secret in secrets]


def _account(name: str, account: Account) -> dict[str, Any]:
    head = {"name": name, "kind": account.kind}
    match account:
        case Pay():
            return head | _pay(account)
        case PayV2():
            return head | _pay_v2(account)
        case Partner():
            return head | _partner(account)
        case _:
            return head | _push(account)


def _push(account: PushAccount) -> dict[str, Any]:
    mode, written = _mode_and_format(account)
    pushed: dict[str, Any] = {
        "receive_ids": _receive_ids(account),
        "tokens": _reveal(account.token),
        "aes_keys": _reveal(account.aes_key),
        "mode": mode,
        "format": written,
        "max_age": account.max_age,
    }
    if isinstance(account, Component):
        pushed["authorizers"] = account.authorizers
    return pushed


def _mode_and_format(account: PushAccount) -> tuple[Mode, Format]:
    match account:
        case Official() | MiniProgram():
            return account.mode, account.format
        case WeCom(bot=True):
            return "safe", "json"
        case _:
            return "safe", "xml"


def _receive_ids(account: PushAccount) -> list[str]:
    match account:
        case WeCom():
            return [*account.corpid, ""] if account.bot else [*account.corpid]
        case WeComSuite():
            return [*account.suite_id, *account.corpid]
        case _:
            return [*account.appid]


def _pay(account: Pay) -> dict[str, Any]:
    return {
        "mchids": account.mchid,
        "apiv3_keys": _reveal(account.apiv3_key),
        "platform_keys": [[key, pem.reveal()] for key, pem in account.platform_keys.items()],
    }


def _pay_v2(account: PayV2) -> dict[str, Any]:
    return {
        "mchids": account.mchid,
        "keys": _reveal(account.key),
        "sign_type": account.sign_type,
        "apiv3_keys": _reveal(account.apiv3_key),
    }


def _partner(account: Partner) -> dict[str, Any]:
    return {
        "app_id": account.app_id,
        "app_secrets": _reveal(account.app_secret),
        "public_keys": _reveal(account.public_key),
    }


def _upstream(name: str, upstream: Upstream) -> dict[str, Any]:
    nodes = [
        {"url": str(node.url), "weight": node.weight} | ({"name": node.name} if node.name else {})
        for node in upstream.nodes
    ]
    return {"name": name, "nodes": nodes, "hash": upstream.hash}


def _route(route: Route, indices: dict[str, int]) -> dict[str, Any]:
    upstream = indices[route.to.place] if route.to.scheme == "upstream" else None
    when = _when(route.when)
    return {"when": when, "upstream": upstream, "reply": route.reply, "also": route.also}


def _limits(settings: Settings) -> dict[str, Any]:
    if not settings.limit:
        return {}
    limits = [_limit(one) for one in settings.limit]
    return {"limits": limits, "trusted_proxies": settings.server.trusted_proxies}


def _limit(limit: Limit) -> dict[str, Any]:
    return msgspec.structs.asdict(limit) | {"when": _when(limit.when)}


def _when(when: When) -> dict[str, Any]:
    written = {key: value for key, value in msgspec.structs.asdict(when).items() if value}
    return written | ({"account": [*map(str, when.account)]} if when.account else {})
