"""The demo itself: actors play WeChat for a while, and the books are kept."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.screen import Screen
from wxgate.sim.demo.service import Service
from wxgate.sim.demo.tally import Tally
from wxgate.sim.demo.world import Ports, build
from wxgate.sim.errand import Errand
from wxgate.sim.forgery import fitting
from wxgate.sim.keypair import KeyPair
from wxgate.sim.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

    from wxgate.event import Event
    from wxgate.sim.demo.screen import Tell
    from wxgate.sim.player import Player

_ACTORS = 4
_PAUSE_S = 0.02
_SETTLES_S = 5.0
_OF_FORGERIES, _OF_RETRIES = 5, 6
"""One errand in so many is forged; one genuine one in so many is sent twice."""


class Show:
    """One run of the demo."""

    def __init__(self, tell: Tell) -> None:
        """Tell each line to `tell`."""
        self.tally = Tally()
        self._tell = tell
        self._screen: Screen | None = None
        self._last: Event | None = None

    async def run(self, folder: Path, seconds: float) -> float:
        """Build a world in an empty folder, play in it, and return how long the playing took."""
        async with Service(self._arrived) as service:
            ports = Ports(free_port(), free_port(), service.port)
            world = build(folder, ports, KeyPair.generate(), KeyPair.generate())
            async with GatewayProcess(world) as gateway, Wire(world.url) as wire:
                self._tell(f"wxgate serves {world.url}, a service listens behind it.")
                players = world.players()
                self._screen = Screen(self._tell, players, seconds)
                started = time.perf_counter()
                await self._open(wire, players["shop"])
                await self._play(wire, tuple(players.values()), started + seconds)
                lasted = time.perf_counter() - started
                await self._settle(gateway)
        return lasted

    async def _settle(self, gateway: GatewayProcess) -> None:
        """Read the counters, once they add up or the time for the last delivery is over."""
        until = time.perf_counter() + _SETTLES_S
        while True:
            self.tally.counters = await gateway.counters()
            if not self.tally.faults() or time.perf_counter() > until:
                return
            await asyncio.sleep(0.05)

    async def _open(self, wire: Wire, player: Player) -> None:
        """Begin with one message that is shown whole."""
        errand = Errand(player, player.message("text", "你好"))
        tries = await errand.run(wire)
        self.tally.note(errand, tries)
        if self._screen and self._last:
            self._screen.sample(tries[0].call, self._last, tries[0].reading.text)

    async def _play(self, wire: Wire, players: tuple[Player, ...], until: float) -> None:
        for player in players:
            if "url" in player.repertoire:
                await self._errand(wire, Errand(player, player.message("url")))
        async with asyncio.TaskGroup() as actors:
            for number in range(_ACTORS):
                actors.create_task(self._act(wire, players, number, until))

    async def _act(
        self, wire: Wire, players: tuple[Player, ...], number: int, until: float
    ) -> None:
        turn = number * len(players) // _ACTORS
        while time.perf_counter() < until:
            player = players[turn % len(players)]
            shown = self._screen is not None and self._screen.wants(player.account)
            retry = secrets.randbelow(_OF_RETRIES) == 0
            await self._errand(wire, _made_up(player), retry=retry, shown=shown)
            turn += 1
            await asyncio.sleep(_PAUSE_S)

    async def _errand(
        self, wire: Wire, errand: Errand, *, retry: bool = False, shown: bool = False
    ) -> None:
        screen = self._screen if shown else None
        if screen:
            screen.open(errand.message, errand.player.account)
        tries = await errand.run(wire, retries=int(retry and errand.forgery is None))
        self.tally.note(errand, tries)
        if screen:
            screen.close(errand, tries)

    def _arrived(self, event: Event) -> None:
        self.tally.arrived[event.id] += 1
        self._last = event
        if self._screen:
            self._screen.arrived(event)


def _made_up(player: Player) -> Errand:
    kinds = [kind for kind in player.repertoire if kind not in {"url", "info"}]
    # Half of what people send is text, and only text is answered here.
    kind = "text" if "text" in kinds and secrets.randbelow(2) else secrets.choice(kinds)
    message = player.message(kind)
    if secrets.randbelow(_OF_FORGERIES):
        return Errand(player, message)
    return Errand(player, message, secrets.choice(fitting(message)))
