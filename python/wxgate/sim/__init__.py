"""Plays WeChat towards a gateway: genuine calls of every kind, and forged ones.

`cast` finds the player for an account; it makes a `Message` up and turns it into a fresh `Call` for
every try. `forgery` holds what an attacker does to a call. `post` sends one over HTTP.
"""

from wxgate.sim.call import Answer, Call
from wxgate.sim.casting import Belongings, cast
from wxgate.sim.message import Message
from wxgate.sim.player import Player, Reading, UnplayableError

__all__ = [
    "Answer",
    "Belongings",
    "Call",
    "Message",
    "Player",
    "Reading",
    "UnplayableError",
    "cast",
]
