"""Small changes to a call, wherever its form keeps the part in question."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxgate.sim.call import Call, Pairs
    from wxgate.sim.message import Form

    Change = Callable[[str, str], Pairs]
    """What stands in the place of a name and its value: nothing, another value, or two."""

SIGNATURE: dict[Form, str] = {
    "url": "signature",
    "plain": "signature",
    "sealed_url": "msg_signature",
    "sealed": "msg_signature",
    "pay": "Wechatpay-Signature",
    "pay_v2": "sign",
    "partner": "sign",
}
"""The name under which each form carries its signature; a refund of APIv2 has none."""

_XML = r"<{0}><!\[CDATA\[(.*?)\]\]></{0}>"
_JSON = r'"{0}":"(.*?)"'


def drop(name: str, value: str) -> Pairs:
    """Leave it out."""
    del name, value
    return ()


def double(name: str, value: str) -> Pairs:
    """Write it twice."""
    return ((name, value), (name, value))


def spoil(name: str, value: str) -> Pairs:
    """Change one character in the middle of the value into another that may stand there."""
    at = len(value) // 2
    other = "B" if value[at : at + 1] == "A" else "A"
    return ((name, f"{value[:at]}{other}{value[at + 1 :]}"),)


def put(text: str) -> Change:
    """Write another value."""
    return lambda name, _: ((name, text),)


def edit(call: Call, name: str, change: Change) -> Call:
    """Change the parameter, header, element or member of that name."""
    if any(known == name for known, _ in call.parameters):
        return replace(call, parameters=_pairs(call.parameters, name, change))
    if any(known == name for known, _ in call.headers):
        return replace(call, headers=_pairs(call.headers, name, change))
    return replace(call, body=_body(call.body.decode(), name, change).encode())


def _pairs(pairs: Pairs, wanted: str, change: Change) -> Pairs:
    changed = [change(*pair) if pair[0] == wanted else (pair,) for pair in pairs]
    return tuple(pair for several in changed for pair in several)


def _body(body: str, name: str, change: Change) -> str:
    if body.startswith("<"):
        pattern, written, between = _XML, "<{0}><![CDATA[{1}]]></{0}>", ""
    else:
        pattern, written, between = _JSON, '"{0}":"{1}"', ","
    found = re.search(pattern.format(name), body)
    if found is None:
        problem = f"nothing in the call is called {name}"
        raise LookupError(problem)
    new = between.join(written.format(*pair) for pair in change(name, found[1]))
    start, end = found.span()
    if not new and body[end : end + 1] == ",":
        end += 1
    return body[:start] + new + body[end:]
