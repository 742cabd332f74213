"""Every forgery, where it makes sense, and the cause for which it is refused there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wxgate.sim.forgery import attacks
from wxgate.sim.forgery.forgery import Forgery
from wxgate.sim.player import UnplayableError

if TYPE_CHECKING:
    from wxgate.sim.message import Form, Message

_PUSHES: tuple[Form, ...] = ("plain", "sealed")
_URLS: tuple[Form, ...] = ("url", "sealed_url")
_TIMED: tuple[Form, ...] = (*_URLS, *_PUSHES, "pay", "partner")
_BODIES: tuple[Form, ...] = (*_PUSHES, "pay", "pay_v2", "pay_v2_refund", "partner")


def _all(forms: tuple[Form, ...], code: str) -> dict[Form, str]:
    return dict.fromkeys(forms, code)


FORGERIES: tuple[Forgery, ...] = (
    Forgery(
        name="bad-signature",
        about="signed without the secret",
        attack=attacks.bad_signature,
        codes=_all((*_TIMED, "pay_v2"), "verify.bad_signature"),
    ),
    Forgery(
        name="plain-body",
        about="a readable message under a captured signature",
        attack=attacks.plain_body,
        codes={
            "sealed": "verify.plain_body",
            "pay": "verify.bad_signature",
            "partner": "verify.bad_signature",
        },
    ),
    Forgery(
        name="downgrade",
        about="a call as it would be without encryption",
        attack=attacks.downgrade,
        codes={"sealed": "request.missing_parameter"},
    ),
    Forgery(
        name="sealed-body",
        about="ciphertext for an account in plain mode",
        attack=attacks.sealed_body,
        codes={"plain": "verify.sealed_body"},
    ),
    Forgery(
        name="stale",
        about="captured long ago",
        attack=attacks.stale,
        codes=_all(_TIMED, "request.stale"),
    ),
    Forgery(
        name="future",
        about="signed for an hour from now",
        attack=attacks.future,
        codes=_all(_TIMED, "request.future"),
    ),
    Forgery(
        name="replayed",
        about="a genuine call, byte for byte again",
        attack=attacks.genuine,
        codes={"partner": "admit.nonce_reused"},
        replays=True,
    ),
    Forgery(
        name="truncated",
        about="half of the body",
        attack=attacks.truncated,
        codes={
            "plain": "parse.bad_message",
            "sealed": "verify.bad_envelope",
            "pay": "verify.bad_signature",
            "pay_v2": "verify.bad_envelope",
            "pay_v2_refund": "verify.bad_envelope",
            "partner": "verify.bad_envelope",
        },
    ),
    Forgery(
        name="bit-flip",
        about="one character of the content changed",
        attack=attacks.bit_flip,
        codes=_all(("sealed", "pay", "pay_v2", "partner"), "verify.bad_signature")
        | {"pay_v2_refund": "open.undecryptable"},
    ),
    Forgery(
        name="wrong-receiver",
        about="sealed for another account under the same key",
        attack=attacks.wrong_receiver,
        codes=_all(("sealed_url", "sealed", "partner"), "open.wrong_receive_id")
        | _all(("pay_v2", "pay_v2_refund"), "parse.wrong_merchant"),
    ),
    Forgery(
        name="wrong-key",
        about="sealed with a key that the account does not have",
        attack=attacks.wrong_key,
        codes=_all(("sealed_url", "sealed", "pay", "pay_v2_refund"), "open.undecryptable")
        | {"pay_v2": "verify.bad_signature"},
    ),
    Forgery(
        name="missing-parameter",
        about="without what the signature needs",
        attack=attacks.missing_parameter,
        codes=_all((*_URLS, *_BODIES), "request.missing_parameter"),
    ),
    Forgery(
        name="doubled-parameter",
        about="with two values for one name",
        attack=attacks.doubled_parameter,
        codes=_all(_TIMED, "request.duplicate_parameter")
        | _all(("pay_v2", "pay_v2_refund"), "parse.duplicate_field"),
    ),
    Forgery(
        name="doctype",
        about="XML that names an external entity",
        attack=attacks.doctype,
        codes=_all(("sealed", "pay_v2", "pay_v2_refund"), "verify.bad_envelope")
        | {"plain": "parse.bad_message"},
        only_xml=True,
    ),
    Forgery(
        name="oversized",
        about="a body over the limit",
        attack=attacks.oversized,
        codes=_all(_BODIES, "request.too_large"),
    ),
    Forgery(
        name="unknown-serial",
        about="signed under a certificate that nobody has",
        attack=attacks.unknown_serial,
        codes={"pay": "verify.unknown_serial"},
    ),
    Forgery(
        name="signature-probe",
        about="WeChat Pay's own deliberate wrong signature",
        attack=attacks.signature_probe,
        codes={"pay": "verify.signature_probe"},
    ),
    Forgery(
        name="reserialised",
        about="the same JSON in other bytes",
        attack=attacks.reserialised,
        codes={"pay": "verify.bad_signature"},
    ),
)


def fitting(message: Message) -> tuple[Forgery, ...]:
    """The forgeries that make sense of this message."""
    return tuple(forgery for forgery in FORGERIES if forgery.fits(message))


def find(name: str, message: Message) -> Forgery:
    """Return the forgery of that name. Raises `UnplayableError` naming those that fit."""
    fit = {forgery.name: forgery for forgery in fitting(message)}
    if name in fit:
        return fit[name]
    known = any(forgery.name == name for forgery in FORGERIES)
    reason = f'"{name}" makes no sense of {message.title}' if known else f'no forgery "{name}"'
    problem = f"{reason}; there are: {', '.join(fit)}"
    raise UnplayableError(problem)
