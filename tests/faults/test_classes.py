"""F1: once, twice, three and ten times what can be done, of messages that matter more and less."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop
from wxgate.sim.message import override

from . import dear
from .conftest import slow
from .driver import Driver, Load
from .oracle import Bounds
from .stand import SEED, stand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wxgate.sim.message import Message
    from wxgate.sim.player import Player

    from .driver import Due
    from .gateway import Gateway, Setup
    from .stand import Stand

pytestmark = pytest.mark.timeout(150)

SHARES = {"ticket": 4, "pay": 16, "user": 50, "passing": 30}
"""Of a hundred messages, the most important first; even ten times four are less than can be done.

A ticket has an account of its own. All others come to one: what they are shows when they are read.
"""
IN_ORDER = [name for name, share in SHARES.items() for _ in range(share)]
PLATFORM = """
[account.platform]
kind = "component"
appid = "wx00000000000000ff"
token = "file:token"
aes_key = "file:aes_key"
"""


ONCE = Load(seconds=3.0, duplicates=0.0, tries=1, users=1000)
"""Without a second try: whoever was refused at the first was refused."""


class Ranked(Driver):
    """A WeChat that has something of each class to say."""

    def __init__(self, gateway: Gateway, seed: str) -> None:
        """Say it to the shop, and to the platform."""
        shop, platform = gateway.player(), gateway.player(name="platform")
        super().__init__(shop, gateway.listen, seed)
        self._platform = platform
        self._kinds = {
            "ticket": platform.message("component_verify_ticket"),
            "pay": shop.message("event", "xpay_goods_deliver_notify", openid="x"),
            "user": shop.message("text", "x", openid="x"),
            "passing": shop.message("event", "LOCATION", openid="x"),
        }

    def kind(self, number: int) -> str:
        """What a message is, by its number: 37 of a hundred and all others come in turn."""
        return IN_ORDER[number * 37 % 100]

    def _message(
        self, number: int, user: str, *, is_event: bool, asks: bool, load: Load
    ) -> Message:
        del is_event, asks, load
        one = self._kinds[self.kind(number)]
        changes = [("EventKey", str(number))]
        if self.kind(number) == "user":
            changes = [("Content", str(number)), ("MsgId", str(number))]
        if self.kind(number) != "ticket":
            changes += [("FromUserName", user), ("OpenId", user)]
        return replace(one, fields=override(one.fields, changes), mark=user)

    def _player(self, due: Due) -> Player:
        return self._platform if self.kind(due.said.number) == "ticket" else super()._player(due)

    def schedule(self, load: Load) -> Iterator[Due]:
        """As of one account; a ticket is no user's."""
        for due in super().schedule(load):
            kind = self.kind(due.said.number)
            if kind == "ticket":
                due.said.user = "platform"
            # What ends the tries of a payment is no word, but JSON: an answer like any other.
            due.said.asks = kind == "pay"
            yield due

    def shares(self) -> dict[str, tuple[float, int]]:
        """Of each class, which share was acknowledged, and of how many."""
        sent = Counter(map(self.kind, self.books.said))
        taken = Counter(map(self.kind, self.books.acknowledged))
        return {name: (taken[name] / count, count) for name, count in sent.items()}


def with_both(setup: Setup) -> Setup:
    """Shed what is too much; have a platform as well."""
    return replace(setup, overload="", keys=setup.keys + PLATFORM)


def ordered(on: Stand, shares: dict[str, tuple[float, int]], *, strictly: bool) -> None:
    """Demand that who matters more fares better; if not strictly, or as well but for chance."""
    for more, less in zip(SHARES, list(SHARES)[1:], strict=False):
        (first, count), (second, other) = shares[more], shares[less]
        chance = 3 * math.sqrt(second * (1 - second) * (1 / count + 1 / other))
        holds = first > second if strictly else first >= second - chance
        on.hold(holds, f"{less} before {more}: {shares}")


@pytest.mark.parametrize("times", [slow(1), slow(2), 3, slow(10)])
def test_f1_classes(row: str, tmp_path: Path, times: int) -> None:
    """What is taken arrives, whatever is refused; and what matters is refused last."""
    command = (sys.executable, dear.__file__, "serve")

    async def run() -> None:
        async with stand(row, tmp_path, setup=with_both, command=command) as on:
            on.driver = driver = Ranked(on.gateway, f"{SEED}/{row}")
            await driver.run(replace(ONCE, rate=times * dear.CAPACITY))
            on.hold(times == 1 or driver.books.refused > 0, "nothing was refused")
            ordered(on, driver.shares(), strictly=times > 1)
            await on.end(Bounds(ordered=False))

    uvloop.run(run())
