"""The accounts: how many keys of which length, who receives, and what the platform's keys are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.doctor.certificates import partner_key, platform_key
from wxgate.doctor.finding import Finding
from wxgate.settings.pay import Partner, Pay, PayV2
from wxgate.settings.push import Component, MiniProgram, Official, WeCom

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wxgate.settings import Account, Secret, Settings


def accounts(settings: Settings, now: int) -> Iterator[Finding]:
    """Look at every account; lengths and counts are no secrets."""
    for name, account in settings.account.items():
        subject = f"account {name}"
        match account:
            case Pay():
                keys = _lengths("APIv3 key", account.apiv3_key)
                yield Finding("ok", subject, f"pay for {', '.join(account.mchid)}; {keys}")
                for serial, pem in account.platform_keys.items():
                    yield platform_key(name, serial, pem.reveal(), account.mchid, now)
            case PayV2():
                yield _pay_v2(subject, account)
            case Partner():
                secrets = _lengths("secret", account.app_secret)
                yield Finding("ok", subject, f"partner {account.app_id}; {secrets}")
                for at, pem in enumerate(account.public_key):
                    yield partner_key(name, at, pem.reveal())
            case _:
                yield from _push(subject, name, account)


def _pay_v2(subject: str, account: PayV2) -> Finding:
    keys = f"{_lengths('key', account.key)}; {_lengths('APIv3 key', account.apiv3_key)}"
    sign = account.sign_type or "MD5 or HMAC-SHA256, as each notice is signed"
    return Finding("ok", subject, f"pay_v2 for {', '.join(account.mchid)}; {keys}; {sign}")


def _push(subject: str, name: str, account: Account) -> Iterator[Finding]:
    if isinstance(account, Pay | PayV2 | Partner):
        return
    keys = f"{_lengths('token', account.token)}; {_lengths('AES key', account.aes_key)}"
    receivers = ", ".join(_receive_ids(account))
    yield Finding("ok", subject, f"{account.kind} for {receivers}; {keys}")
    if isinstance(account, Official | MiniProgram) and account.mode == "plain":
        found = 'mode = "plain": nothing signs the body, so who has seen one call can forge others'
        yield Finding("warn", subject, found, '"safe"', f"account.{name}.mode")


def _receive_ids(account: Account) -> tuple[str, ...]:
    match account:
        case Official() | MiniProgram() | Component():
            return tuple(account.appid)
        case WeCom():
            return (*account.corpid, *(["nobody in particular (a bot)"] if account.bot else ()))
        case Pay() | PayV2() | Partner():
            return ()
        case _:
            return (*account.suite_id, *account.corpid)


def _lengths(what: str, secrets: Sequence[Secret]) -> str:
    lengths = " and ".join(str(len(secret.reveal())) for secret in secrets)
    return f"{len(secrets)} {what}(s) of {lengths} characters" if secrets else f"no {what}"
