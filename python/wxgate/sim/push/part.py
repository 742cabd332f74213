"""How each kind of push account differs: whom it is sealed for, and what it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from wxgate.settings.push import Component, MiniProgram, Official, WeCom, WeComSuite
from wxgate.sim import invent
from wxgate.sim.push.events import event
from wxgate.sim.push.messages import MESSAGES, miniprogrampage
from wxgate.sim.push.notices import COMPONENT, SUITE
from wxgate.sim.push.robot import ROBOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wxgate.settings.model import PushAccount
    from wxgate.settings.push import Format, Mode
    from wxgate.sim.push.messages import Build

_EVERYTHING: Mapping[str, Build] = {**MESSAGES, "event": event}
_BOT = "aib0123456789abcdef"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a player has to know beside the keys."""

    own: str
    """`ToUserName` of the account's messages."""
    receiver: str
    """Whom messages are sealed for."""
    url_receiver: str
    """Whom the echo of a URL verification is sealed for; it is so only for WeCom."""
    builds: Mapping[str, Build]
    mode: Mode = "safe"
    format: Format = "xml"
    seals_echo: bool = False
    is_robot: bool = False
    notices: Mapping[str, Build] = field(default_factory=dict)
    """Those that have an `InfoType`, and are sealed for the suite or platform itself."""
    told: str = ""
    """That suite, or platform."""
    told_as: str = ""
    """The name under which it stands in a notice's envelope."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    user: Callable[[], str] = invent.openid


def part(account: PushAccount) -> Part:
    """Return the part that WeChat plays towards `account`."""
    match account:
        case Official() | MiniProgram():
            return _console(account)
        case WeCom(bot=True):
            return _robot()
        case WeCom():
            return _wecom(account)
        case WeComSuite():
            return _suite(account)
        case Component():
            return _component(account)
        case _ as other:
            assert_never(other)


def _console(account: Official | MiniProgram) -> Part:
    more = {"miniprogrampage": miniprogrampage} if isinstance(account, MiniProgram) else {}
    return Part(
        own=invent.original_id(),
        receiver=account.appid[0],
        url_receiver=account.appid[0],
        builds={**_EVERYTHING, **more},
        mode=account.mode,
        format=account.format,
    )


def _wecom(account: WeCom) -> Part:
    return Part(
        own=account.corpid[0],
        receiver=account.corpid[0],
        url_receiver=account.corpid[0],
        builds=_EVERYTHING,
        seals_echo=True,
        extra={"AgentID": 1000002},
        user=invent.userid,
    )


def _robot() -> Part:
    return Part(
        own=_BOT,
        receiver="",
        url_receiver="",
        builds=ROBOT,
        format="json",
        seals_echo=True,
        is_robot=True,
        user=invent.userid,
    )


def _suite(account: WeComSuite) -> Part:
    """The data URL's messages are sealed for the company that authorised the suite."""
    companies = account.corpid or account.suite_id
    return Part(
        own=companies[-1],
        receiver=companies[-1],
        url_receiver=companies[0],
        builds=_EVERYTHING,
        seals_echo=True,
        notices=SUITE,
        told=account.suite_id[0],
        told_as="ToUserName",
        extra={"AgentID": 1000002},
        user=invent.userid,
    )


def _component(account: Component) -> Part:
    return Part(
        own=invent.original_id(),
        receiver=account.appid[0],
        url_receiver=account.appid[0],
        builds=_EVERYTHING,
        notices=COMPONENT,
        told=account.appid[0],
        told_as="AppId",
    )
