"""From an account of the configuration to the player of WeChat's part towards it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wxgate.settings.pay import Partner, Pay, PayV2
from wxgate.settings.push import Component
from wxgate.sim import invent
from wxgate.sim.partner import PartnerPlayer
from wxgate.sim.pay import PayPlayer
from wxgate.sim.pay_v2 import PayV2Player
from wxgate.sim.player import Player, UnplayableError
from wxgate.sim.push.part import part
from wxgate.sim.push.player import PushPlayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.settings import Secret, Settings
    from wxgate.settings.model import PushAccount


@dataclass(frozen=True, slots=True)
class Belongings:
    """What no configuration holds, since the other side has it."""

    private_key: str = field(default="", repr=False)
    """PEM: WeChat Pay's towards `pay`, the service's own towards `partner`."""
    serial: str = ""
    """The platform key that goes with it; the first configured one if empty."""
    authorizer: str = ""
    """On whose behalf a platform is called; one that it lists if empty."""


_NONE = Belongings()


def cast(settings: Settings, name: str, belongings: Belongings = _NONE) -> Player:
    """Return a player towards the account `name`. Raises `UnplayableError`."""
    account = settings.account.get(name)
    limit = settings.server.max_body
    match account:
        case None:
            known = ", ".join(settings.account)
            reason = f'there is no account "{name}"; the configuration has: {known}'
            raise UnplayableError(reason)
        case Pay():
            return _pay(name, account, belongings, limit)
        case PayV2():
            return PayV2Player(
                kind=account.kind,
                account=name,
                max_body=limit,
                mchid=account.mchid[0],
                key=account.key[0].reveal(),
                sign_type=account.sign_type or "MD5",
            )
        case Partner():
            return _partner(name, account, belongings, limit)
        case _:
            return _push(name, account, belongings, limit)


def _push(name: str, account: PushAccount, belongings: Belongings, limit: int) -> PushPlayer:
    return PushPlayer(
        kind=account.kind,
        account=name,
        max_body=limit,
        max_age=account.max_age,
        part=part(account),
        token=_first(account.token),
        aes_key=_first(account.aes_key),
        authorizer=_authorizer(name, account, belongings.authorizer),
    )


def _authorizer(name: str, account: PushAccount, wanted: str) -> str | None:
    if not isinstance(account, Component):
        if wanted:
            reason = f"{name} is no platform: nobody authorises it"
            raise UnplayableError(reason)
        return None
    return wanted or next(iter(account.authorizers or ()), "") or invent.appid()


def _pay(name: str, account: Pay, belongings: Belongings, limit: int) -> PayPlayer:
    if not belongings.private_key:
        reason = (
            f"{name} is called by WeChat Pay, whose private key no configuration has: "
            "configure a key pair of your own for tests, and pass --platform-key FILE"
        )
        raise UnplayableError(reason)
    return PayPlayer(
        kind=account.kind,
        account=name,
        max_body=limit,
        mchid=account.mchid[0],
        apiv3_key=account.apiv3_key[0].reveal(),
        serial=belongings.serial or next(iter(account.platform_keys)),
        private_key=belongings.private_key,
    )


def _partner(name: str, account: Partner, belongings: Belongings, limit: int) -> PartnerPlayer:
    if not belongings.private_key:
        reason = f"{name} signs with a private key of its own: pass --private-key FILE"
        raise UnplayableError(reason)
    return PartnerPlayer(
        kind=account.kind,
        account=name,
        max_body=limit,
        app_id=account.app_id,
        app_secret=_first(account.app_secret),
        private_key=belongings.private_key,
    )


def _first(secrets: Sequence[Secret]) -> str:
    return secrets[0].reveal() if secrets else ""
