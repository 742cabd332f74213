"""One attack: what it does, to which forms of a message, and the cause for which it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wxgate.sim.call import Call
    from wxgate.sim.message import Form, Message
    from wxgate.sim.player import Player

    Attack = Callable[[Player, Message, int], Call]
    """Makes the forged call at a time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """An attack on calls of some forms."""

    name: str
    about: str
    attack: Attack
    codes: Mapping[Form, str]
    """The cause of the refusal, as logs and metrics name it. The answer never does."""
    only_xml: bool = False
    replays: bool = False
    """Whether the genuine call has to come first, and the attack repeats its bytes."""

    def fits(self, message: Message) -> bool:
        """Whether there is such an attack on this message."""
        return message.form in self.codes and (message.is_xml or not self.only_xml)

    def code(self, message: Message) -> str:
        """The cause for which it is refused."""
        return self.codes[message.form]

    def calls(self, player: Player, message: Message, now: int) -> tuple[Call, ...]:
        """Make the calls: the last one must be refused, one before it is genuine."""
        call = self.attack(player, message, now)
        return (call, call) if self.replays else (call,)
