"""Looking after a partition: what every group has finished is trimmed, nothing else ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wxgate.redis.script import Script
from wxgate.streams.append import TAIL, TAIL_TTL_MS

if TYPE_CHECKING:
    from wxgate.redis.runner import Runner
    from wxgate.streams.keys import Partition

# Of each group, what comes first of that which it has not finished: its oldest pending entry, else
# the one after the last that it was given. The least of these is the first that must stay.
SCRIPT = Script(
    TAIL
    + """
local tail = tail_of(KEYS[1], KEYS[2], KEYS[3])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then return {tail, -1, 0, 0} end
local ms, seq
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local of = {}
  for i = 1, #group, 2 do of[group[i]] = group[i + 1] end
  local id, more = of['last-delivered-id'], 1
  if of['pending'] > 0 then
    id, more = redis.call('XPENDING', KEYS[1], of['name'])[2], 0
  end
  local m, s = string.match(id, '(%d+)-(%d+)')
  m, s = tonumber(m), tonumber(s) + more
  if not ms or m < ms or (m == ms and s < seq) then ms, seq = m, s end
end
if not ms then return {tail, -1, redis.call('XLEN', KEYS[1]), 0} end
local time = redis.call('TIME')
local old = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1])
local limit = string.format('%.0f-%.0f', ms, seq)
if old < ms then limit = string.format('%.0f-0', math.max(old, 0)) end
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', '~', limit)
return {tail, ms, redis.call('XLEN', KEYS[1]), trimmed}
"""
)


class Survey(NamedTuple):
    """How a partition stands."""

    tail: int
    """How far the server says this writer has come."""
    finished: int
    """Every group has finished what was appended before this time (ms); -1 without any group."""
    length: int
    trimmed: int


async def survey(runner: Runner, partition: Partition, writer: str, keep_ms: int) -> Survey:
    """Trim what all groups have finished and is older than ``keep_ms``; say how things stand.

    Raises ``StoreError``.
    """
    keys = [partition.entries, partition.tail(writer), partition.made]
    return Survey(*await runner.run(SCRIPT, keys, [keep_ms, TAIL_TTL_MS]))
