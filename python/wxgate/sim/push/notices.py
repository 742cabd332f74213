"""What suites and platforms are told: tickets and authorisations, recognised by `InfoType`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wxgate.sim import invent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wxgate.sim.push.messages import Build
    from wxgate.sim.push.scene import Scene

    Fields = Callable[[], dict[str, Any]]


def _authorized() -> dict[str, Any]:
    return {
        "AuthorizerAppid": invent.appid(),
        "AuthorizationCode": f"queryauthcode@@@{invent.alphanumeric(64)}",
        "AuthorizationCodeExpiredTime": "3600",
        "PreAuthCode": f"preauthcode@@@{invent.alphanumeric(64)}",
    }


def _suite(info_type: str, fields: Fields) -> Build:
    def build(scene: Scene, what: str | None) -> dict[str, Any]:
        name = info_type or what or "suite_ticket"
        return {"SuiteId": scene.own, "InfoType": name, "TimeStamp": scene.now, **fields()}

    return build


def _platform(info_type: str, fields: Fields) -> Build:
    def build(scene: Scene, what: str | None) -> dict[str, Any]:
        name = info_type or what or "component_verify_ticket"
        return {"AppId": scene.own, "CreateTime": scene.now, "InfoType": name, **fields()}

    return build


SUITE: Mapping[str, Build] = {
    name: _suite("" if name == "info" else name, fields)
    for name, fields in {
        "suite_ticket": lambda: {"SuiteTicket": invent.ticket()},
        "create_auth": lambda: {"AuthCode": invent.alphanumeric(64), "State": "order"},
        "change_auth": lambda: {"AuthCorpId": invent.corpid(), "State": "order"},
        "cancel_auth": lambda: {"AuthCorpId": invent.corpid()},
        "info": dict,
    }.items()
}
"""`info` takes any other InfoType by name."""

COMPONENT: Mapping[str, Build] = {
    name: _platform("" if name == "info" else name, fields)
    for name, fields in {
        "component_verify_ticket": lambda: {"ComponentVerifyTicket": invent.ticket()},
        "authorized": _authorized,
        "updateauthorized": _authorized,
        "unauthorized": lambda: {"AuthorizerAppid": invent.appid()},
        "info": dict,
    }.items()
}
