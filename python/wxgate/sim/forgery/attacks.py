"""The attacks themselves: each takes a player and a message, and makes the forged call."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from wxgate.sim import invent, written
from wxgate.sim.forgery.edit import SIGNATURE, double, drop, edit, put, spoil

if TYPE_CHECKING:
    from wxgate.sim.call import Call
    from wxgate.sim.message import Form, Message
    from wxgate.sim.player import Player

_HOUR = 3600
_EXTERNAL = '<!DOCTYPE xml [<!ENTITY leak SYSTEM "file:///etc/passwd">]>'
_NONCE: dict[Form, str] = {"pay": "Wechatpay-Nonce", "pay_v2": "sign", "pay_v2_refund": "req_info"}
_ONCE: dict[Form, str] = {
    "pay": "Wechatpay-Serial",
    "pay_v2": "out_trade_no",
    "pay_v2_refund": "req_info",
}
_CONTENT: dict[Form, str] = {
    "pay": "ciphertext",
    "pay_v2": "out_trade_no",
    "pay_v2_refund": "req_info",
    "partner": "data",
}


def genuine(player: Player, message: Message, now: int) -> Call:
    """The very call, to be repeated."""
    return player.call(message, now)


def bad_signature(player: Player, message: Message, now: int) -> Call:
    """Sign without knowing the secret."""
    return edit(player.call(message, now), SIGNATURE[message.form], spoil)


def stale(player: Player, message: Message, now: int) -> Call:
    """Send what was captured long ago."""
    return player.call(message, now - player.max_age - _HOUR)


def future(player: Player, message: Message, now: int) -> Call:
    """Sign for later, to have it in stock."""
    return player.call(message, now + _HOUR)


def truncated(player: Player, message: Message, now: int) -> Call:
    """Send half of it."""
    call = player.call(message, now)
    text = call.body.decode()
    return replace(call, body=text[: len(text) // 2].encode())


def bit_flip(player: Player, message: Message, now: int) -> Call:
    """Change one character of the content."""
    call = player.call(message, now)
    name = _CONTENT.get(message.form) or _sealed_name(call)
    return edit(call, name, spoil)


def missing_parameter(player: Player, message: Message, now: int) -> Call:
    """Leave out what the signature needs."""
    return edit(player.call(message, now), _NONCE.get(message.form, "nonce"), drop)


def doubled_parameter(player: Player, message: Message, now: int) -> Call:
    """Say twice what two readers might read differently."""
    return edit(player.call(message, now), _ONCE.get(message.form, "nonce"), double)


def plain_body(player: Player, message: Message, now: int) -> Call:
    """Put a readable message under a captured query or captured headers."""
    call = player.call(message, now)
    if message.form == "partner":
        return edit(call, "data", put("order.paid"))
    body = written.xml(message.fields) if message.is_xml else written.json(message.fields)
    return replace(call, body=body)


def downgrade(player: Player, message: Message, now: int) -> Call:
    """Pretend that the account is not encrypted."""
    call = plain_body(player, message, now)
    sealed = {"msg_signature", "encrypt_type"}
    kept = tuple(pair for pair in call.parameters if pair[0] not in sealed)
    return replace(call, parameters=kept)


def sealed_body(player: Player, message: Message, now: int) -> Call:
    """Send ciphertext to an account that has none."""
    call = player.call(message, now)
    fields = {"ToUserName": message.fields["ToUserName"], "Encrypt": invent.alphanumeric(128)}
    return replace(call, body=written.xml(fields) if message.is_xml else written.json(fields))


def wrong_receiver(player: Player, message: Message, now: int) -> Call:
    """Send what was sealed for another account that has the same key."""
    return player.call(replace(message, receiver=invent.appid()), now)


def wrong_key(player: Player, message: Message, now: int) -> Call:
    """Seal with a key that the account does not have."""
    return player.with_wrong_key().call(message, now)


def doctype(player: Player, message: Message, now: int) -> Call:
    """Have the reader fetch a file of its own machine (XXE)."""
    call = player.call(message, now)
    return replace(call, body=_EXTERNAL.encode() + call.body)


def oversized(player: Player, message: Message, now: int) -> Call:
    """Fill the memory."""
    call = player.call(message, now)
    return replace(call, body=call.body.ljust(player.max_body + 1))


def unknown_serial(player: Player, message: Message, now: int) -> Call:
    """Sign under a certificate that nobody has."""
    return edit(player.call(message, now), "Wechatpay-Serial", put(invent.serial()))


def signature_probe(player: Player, message: Message, now: int) -> Call:
    """Sign wrongly as WeChat Pay itself does, to see whether anybody looks."""
    probe = f"WECHATPAY/SIGNTEST/{invent.alphanumeric(64)}"
    return edit(player.call(message, now), "Wechatpay-Signature", put(probe))


def reserialised(player: Player, message: Message, now: int) -> Call:
    """Say the same in other bytes, as frameworks do that parse before they verify."""
    call = player.call(message, now)
    body = json.dumps(json.loads(call.body), ensure_ascii=False, indent=2)
    return replace(call, body=body.encode())


def _sealed_name(call: Call) -> str:
    return "encrypt" if b'"encrypt"' in call.body else "Encrypt"
