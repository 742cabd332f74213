"""What stands behind a serial of WeChat Pay: certificate or public key, whose, and until when."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from wxcore import Certificate, PublicKey, Sm2PublicKey

from wxgate.doctor.finding import Finding
from wxgate.settings.paths import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.doctor.finding import Verdict

_SOON = 30 * 86400
_ID = "PUB_KEY_ID_"


def platform_key(account: str, serial: str, pem: str, mchids: Sequence[str], now: int) -> Finding:
    """Look at one platform key at `now` (seconds)."""
    subject, setting = (
        f"account {account} {serial}",
        join(f"account.{account}.platform_keys", serial),
    )
    if "CERTIFICATE" not in pem:
        return _public_key(subject, setting, serial, pem)
    try:
        certificate = Certificate(pem)
    except ValueError as error:
        return Finding("fail", subject, str(error), "a PEM certificate", setting)
    if certificate.serial != serial.upper().lstrip("0"):
        return Finding("fail", subject, f"its own serial is {certificate.serial}", serial, setting)
    verdict, remark, expected = _standing(certificate, mchids, now)
    found = f"certificate, {certificate.key}, until {_day(certificate.not_after)}{remark}"
    return Finding(verdict, subject, found, expected, setting if expected else "")


def _standing(
    certificate: Certificate, mchids: Sequence[str], now: int
) -> tuple[Verdict, str, str]:
    """What to make of a certificate that is what it is called: verdict, remark, expectation."""
    if not certificate.not_before <= now < certificate.not_after:
        return "fail", ": not valid today", "a valid one"
    owner = certificate.common_name or ""
    if owner.isdigit() or owner in mchids:
        remark = f"; its subject is {owner}: the merchant's own certificate, by its looks"
        return "warn", remark, "WeChat Pay's"
    if certificate.not_after - now < _SOON:
        return "warn", "", "its successor beside it"
    return "ok", "", ""


def partner_key(account: str, at: int, pem: str) -> Finding:
    """Look at the public key number `at` of a partner."""
    setting = f"account.{account}.public_key[{at}]"
    subject = f"account {account} public_key[{at}]"
    try:
        return Finding("ok", subject, f"public key, {_size(PublicKey(pem))}")
    except ValueError as error:
        return Finding("fail", subject, str(error), "a PEM public key, RSA", setting)


def _public_key(subject: str, setting: str, serial: str, pem: str) -> Finding:
    try:
        size = _kind(pem)
    except ValueError as error:
        return Finding("fail", subject, str(error), "a PEM public key", setting)
    if not serial.startswith(_ID):
        return Finding("fail", subject, "a public key", f"a certificate, or {_ID}…", setting)
    return Finding("ok", subject, f"public key, {size}; it does not expire")


def _kind(pem: str) -> str:
    """`RSA-2048` and the like, or `SM2`; raises `ValueError` with what RSA makes of it."""
    try:
        return _size(PublicKey(pem))
    except ValueError:
        with contextlib.suppress(ValueError):
            Sm2PublicKey(pem)
            return "SM2"
        raise


def _size(key: PublicKey) -> str:
    """The size shows in whatever is sealed."""
    return f"RSA-{8 * len(key.encrypt(b''))}"


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
