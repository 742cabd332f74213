"""Stage dispatch: from the journal to every destination that a message's routes name.

At least once, in order within a routing key, in bounded memory; what one destination or one key
cannot take holds up nothing else.

`build` makes the destinations of a configuration and `dispatcher` runs them. `destination` is one
of them: its `lane`s are what it holds in memory, its `reader` is its place in the journal, its
`crew` makes the tries; `retry`, `waits` and the `gate` (breaker and retry budget) say when, and
`dead` keeps what nobody takes. `board` and `node_board` show the figures.
"""

from wxgate.dispatch.board import Board
from wxgate.dispatch.build import Plan, plan
from wxgate.dispatch.dispatcher import Dispatcher
from wxgate.dispatch.node_board import NodeBoard
from wxgate.dispatch.place import Limits, Place, Standing
from wxgate.dispatch.retry import Schedule

__all__ = [
    "Board",
    "Dispatcher",
    "Limits",
    "NodeBoard",
    "Place",
    "Plan",
    "Schedule",
    "Standing",
    "plan",
]
