"""The demo itself: actors play WeChat for a while, and the audience sees what arrives."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.service import Service
from wxgate.sim.demo.tally import Tally
from wxgate.sim.demo.world import Ports, World, build
from wxgate.sim.errand import Errand
from wxgate.sim.forgery import fitting
from wxgate.sim.gist import gist
from wxgate.sim.keypair import KeyPair
from wxgate.sim.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wxgate.event import Event
    from wxgate.sim.errand import Try
    from wxgate.sim.player import Player

    Tell = Callable[[str], None]

_ACTORS = 4
_PAUSE_S = 0.02
_SHOWN = 26
_OF_FORGERIES, _OF_RETRIES = 5, 6
"""One errand in so many is forged; one genuine one in so many is sent twice."""


class Show:
    """One run of the demo."""

    def __init__(self, tell: Tell) -> None:
        """Tell each line to `tell`."""
        self.tally = Tally()
        self._tell = tell
        self._shown = 0

    async def run(self, folder: Path, seconds: float) -> float:
        """Build a world in an empty folder, play in it, and return how long the playing took."""
        async with Service(self._arrived) as service:
            ports = Ports(free_port(), free_port(), service.port)
            world = build(folder, ports, KeyPair.generate(), KeyPair.generate())
            async with GatewayProcess(world) as gateway:
                self._tell(f"wxgate serves {world.url}; the service behind it is on loopback too")
                started = time.perf_counter()
                await self._play(world, started + seconds)
                lasted = time.perf_counter() - started
                self.tally.counters = await gateway.counters()
        return lasted

    async def _play(self, world: World, until: float) -> None:
        players = tuple(world.players().values())
        async with Wire(world.url) as wire:
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
            await self._errand(wire, _made_up(player), retry=turn % _OF_RETRIES == 0)
            turn += 1
            await asyncio.sleep(_PAUSE_S)

    async def _errand(self, wire: Wire, errand: Errand, *, retry: bool = False) -> None:
        tries = await errand.run(wire, retries=int(retry and errand.forgery is None))
        self.tally.note(errand, tries)
        if errand.forgery is not None:
            self._show(f"  x {errand.player.account:<9} {_refusal(errand)}")
        else:
            self._show_reply(errand, tries[0])

    def _arrived(self, event: Event) -> None:
        self.tally.arrived[event.id] += 1
        kind = event.type.removeprefix("wechat.").partition(".")[0]
        self._show(f"  → {event.account:<9} {kind:<11} {gist(event.data)}")

    def _show_reply(self, errand: Errand, first: Try) -> None:
        if first.reading.reply:
            self._show(f"  ← {errand.player.account:<9} {first.reading.text}")

    def _show(self, line: str) -> None:
        """The first lines; then there is more than one could read."""
        self._shown += 1
        if self._shown <= _SHOWN:
            self._tell(line)
        elif self._shown == _SHOWN + 1:
            self._tell("  … and so on")


def _made_up(player: Player) -> Errand:
    kinds = [kind for kind in player.repertoire if kind != "url"]
    # Half of what people send is text, and only text is answered here.
    kind = "text" if "text" in kinds and secrets.randbelow(2) else secrets.choice(kinds)
    message = player.message(kind)
    if secrets.randbelow(_OF_FORGERIES):
        return Errand(player, message)
    return Errand(player, message, secrets.choice(fitting(message)))


def _refusal(errand: Errand) -> str:
    forgery = errand.forgery
    return f"refused: {forgery.about} ({forgery.code(errand.message)})" if forgery else ""
