"""Which accounts can be played at speed, with which keys, and what each of them sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from wxgate.settings.pay import Pay
from wxgate.settings.push import MiniProgram, Official, WeCom
from wxgate.sim.player import UnplayableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wxgate.settings import Settings
    from wxgate.settings.model import Account
    from wxgate.sim import Belongings

Style = Literal["official_xml", "official_json", "wecom", "pay"]

_PUSHES: Mapping[str, float] = {
    "text": 0.52,
    "long_text": 0.02,
    "image": 0.12,
    "click": 0.12,
    "view": 0.08,
    "location": 0.04,
    "subscribe": 0.06,
    "unsubscribe": 0.04,
}
"""What an account's users do, as shares: mostly write."""
_SHARES: Mapping[Style, float] = {
    "official_xml": 0.6,
    "official_json": 0.2,
    "wecom": 0.15,
    "pay": 0.05,
}
"""How busy a kind of account is beside the others."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the player wants it: with the keys that WeChat would have."""

    name: str
    style: Style
    receiver: str
    token: str = ""
    aes_key: str = ""
    apiv3_key: str = ""
    serial: str = ""
    private_key: str = ""

    def __repr__(self) -> str:
        """Show no key."""
        return f"Played({self.name!r}, {self.style!r})"


class Part(msgspec.Struct, frozen=True):
    """What one account sends, and its share of all."""

    account: str
    what: str
    weight: float


def played(settings: Settings, name: str, belongings: Belongings | None) -> Played:
    """Return an account of the configuration. Raises ``UnplayableError``."""
    match account := settings.account.get(name):
        case None:
            known = ", ".join(settings.account)
            reason = f'there is no account "{name}"; the configuration has: {known}'
            raise UnplayableError(reason)
        case Pay():
            return _pay(name, account, belongings)
        case Official() | MiniProgram():
            if account.mode != "safe":
                reason = f'{name} is in {account.mode} mode: only mode = "safe" is played at speed'
                raise UnplayableError(reason)
            style: Style = "official_xml" if account.format == "xml" else "official_json"
            return _push(name, style, account.appid[0], account)
        case WeCom() if not account.bot:
            return _push(name, "wecom", (account.corpid or ("",))[0], account)
        case _:
            reason = f"{name} is of a kind that is not played at speed: {account.kind}"
            raise UnplayableError(reason)


def playable(settings: Settings, belongings: Mapping[str, Belongings]) -> list[Played]:
    """Return all accounts that can be played."""
    found = []
    for name in settings.account:
        try:
            found.append(played(settings, name, belongings.get(name)))
        except UnplayableError:
            continue
    return found


def mix(accounts: list[Played]) -> list[Part]:
    """Share the messages out among accounts of all kinds."""
    parts = []
    for account in accounts:
        alike = sum(other.style == account.style for other in accounts)
        share = _SHARES[account.style] / alike
        kinds = {"payment": 1.0} if account.style == "pay" else _PUSHES
        parts += [Part(account.name, what, share * weight) for what, weight in kinds.items()]
    return parts


def _push(
    name: str, style: Style, receiver: str, account: Official | MiniProgram | WeCom
) -> Played:
    keys = account.aes_key or ()
    return Played(
        name=name,
        style=style,
        receiver=receiver,
        token=account.token[0].reveal(),
        aes_key=keys[0].reveal() if keys else "",
    )


def _pay(name: str, account: Account, belongings: Belongings | None) -> Played:
    assert isinstance(account, Pay)  # noqa: S101 (seen by the caller; for mypy)
    if belongings is None or not belongings.private_key:
        reason = (
            f"{name} is called by WeChat Pay, whose private key no configuration has: "
            "configure a key pair of your own for tests, and pass --platform-key FILE"
        )
        raise UnplayableError(reason)
    return Played(
        name=name,
        style="pay",
        receiver=account.mchid[0],
        apiv3_key=account.apiv3_key[0].reveal(),
        serial=belongings.serial or next(iter(account.platform_keys)),
        private_key=belongings.private_key,
    )
