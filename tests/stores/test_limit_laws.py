"""Two nodes and one server: what passes is what burst and rate allow, not more and not less."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wxgate.testing.messages import Rule, limited

from .limit_law import Heard, laws, let_pass, never_more, never_needlessly_less, server_time
from .limit_sites import RedisLimitsSite

if TYPE_CHECKING:
    from redis import Redis
    from servers.server import Server

    from .limit_law import Law
    from .limit_sites import RedisNode

    Ask = tuple[tuple[int, ...], str]
    """A message: the rules that it is under, and its user."""
    Call = tuple[int, list[Ask]]
    """A node, and what it asks in one tick."""
    Round = tuple[int, list[Call]]
    """Microseconds to let pass before, and what is under way at once."""

RULES, USERS = 3, "ab"
CHOSEN = st.sets(st.integers(0, RULES - 1), min_size=1).map(lambda one: tuple(sorted(one)))
ASKS = st.lists(st.tuples(CHOSEN, st.sampled_from(USERS)), min_size=1, max_size=8)
CALLS = st.lists(st.tuples(st.integers(0, 1), ASKS), min_size=1, max_size=6)
ROUNDS = st.lists(st.tuples(st.integers(0, 4_000), CALLS), min_size=1, max_size=8)


class Play:
    """Two nodes that ask, and what they hear."""

    def __init__(self, rules: list[Law], nodes: list[RedisNode], client: Redis) -> None:
        """Of an empty server."""
        self._rules = [Rule(law.name, law.rate, law.burst) for law in rules]
        self._nodes = nodes
        self._client = client
        self._numbers = count(1)
        self.heard: list[Heard] = []

    async def round(self, rest: int, calls: list[Call]) -> None:
        """Let the server's clock go on, then have all calls be under way together."""
        before, asked = let_pass(self._client, rest), []
        for node, asks in calls:
            for chosen, user in asks:
                rules = [self._rules[one] for one in chosen]
                message = limited(next(self._numbers), *rules, user=user)
                asked.append((chosen, user, self._nodes[node].admit(message, 0)))
            # The end of a tick: what was asked in it leaves in one call.
            await asyncio.sleep(0)
        answers = await asyncio.gather(*(answer for *_, answer in asked))
        heard = Heard(before, server_time(self._client))
        for (chosen, user, _), denied in zip(asked, answers, strict=True):
            if denied is not None:
                assert denied[1] > 0
                heard.deny((chosen[denied[0]], user))
                continue
            for rule in chosen:
                heard.passed[rule, user] += 1
        self.heard.append(heard)


@settings(
    max_examples=60,
    # The server's clock is part of each example, and is never the same again: nothing to shrink.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(laws(RULES), ROUNDS)
def test_two_nodes_admit_what_burst_and_rate_allow(
    redis_server: Server, rules: list[Law], rounds: list[Round]
) -> None:
    """By the server's clock, in every span, however their calls and batches fall together."""

    async def run() -> list[Heard]:
        with redis_server.client() as client:
            client.flushall()
            async with RedisLimitsSite(redis_server) as site:
                play = Play(rules, [await site.node(), await site.node()], client)
                for rest, calls in rounds:
                    await play.round(rest, calls)
                return play.heard

    heard = asyncio.run(run())
    for at, law in enumerate(rules):
        for user in USERS:
            never_more(law, (at, user), heard)
            never_needlessly_less(law, (at, user), heard)
