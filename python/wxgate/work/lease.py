"""Who has which partition. One hash for each group, and one script call for each beat.

Every consumer says regularly that it is there, renews what it has, and learns how many partitions
are its due: they are dealt out evenly among those who are there. It takes what nobody has, as far
as it is due, and gives up what is more. Time is the server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wxgate.work.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxgate.streams.keys import Root
    from wxgate.work.connect import Client

# Fields: "m:TOKEN" -> end of its membership; "p:NUMBER" -> "END TOKEN". Both ends in ms.
_BEAT = Script("""
local token, ttl, known, leaving = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local partitions = tonumber(redis.call('HGET', KEYS[2], 'partitions') or '0')
if known > partitions then
  redis.call('HSET', KEYS[2], 'partitions', known)
  partitions = known
end
local members, owner = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local field, value = all[i], all[i + 1]
  local till, who = string.match(value, '^(%d+) ?(.*)$')
  if tonumber(till) <= now then
    redis.call('HDEL', KEYS[1], field)
  elseif string.sub(field, 1, 2) == 'm:' then
    members[#members + 1] = string.sub(field, 3)
  else
    owner[tonumber(string.sub(field, 3))] = who
  end
end
for i = 5, #ARGV do
  local p = tonumber(ARGV[i])
  if owner[p] == token then
    redis.call('HDEL', KEYS[1], 'p:' .. p)
    owner[p] = nil
  end
end
if leaving then
  redis.call('HDEL', KEYS[1], 'm:' .. token)
  return {partitions, 0, {}}
end
redis.call('HSET', KEYS[1], 'm:' .. token, now + ttl)
local there = false
for _, member in ipairs(members) do there = there or member == token end
if not there then members[#members + 1] = token end
table.sort(members)
local due = math.floor(partitions / #members)
for rank, member in ipairs(members) do
  if member == token and rank <= partitions % #members then due = due + 1 end
end
local mine, free = {}, {}
for p = 0, partitions - 1 do
  if owner[p] == token then mine[#mine + 1] = p end
  if not owner[p] then free[#free + 1] = p end
end
for _, p in ipairs(free) do
  if #mine >= due then break end
  mine[#mine + 1] = p
end
for _, p in ipairs(mine) do
  redis.call('HSET', KEYS[1], 'p:' .. p, string.format('%.0f %s', now + ttl, token))
end
redis.call('PEXPIRE', KEYS[1], 10 * ttl)
return {partitions, due, mine}
""")


class Dealt(NamedTuple):
    """What a beat says."""

    partitions: int
    """How many the stream has."""
    due: int
    """How many this consumer ought to have."""
    mine: list[int]
    """Which it has."""


class Leases:
    """One consumer's part in a group."""

    def __init__(self, client: Client, root: Root, group: str, token: str, ttl: float) -> None:
        """Take part under a ``token`` of its own; what is not renewed for ``ttl`` s is free."""
        self._client = client
        self._keys = [root.leases(group), root.about]
        self._token = token
        self._ttl_ms = round(ttl * 1000)
        self._partitions = 0

    async def beat(self, release: Iterable[int] = ()) -> Dealt:
        """Renew, and release some. Raises ``redis.RedisError``."""
        head = (self._token, self._ttl_ms, self._partitions, 0)
        dealt = Dealt(*await _BEAT(self._client, self._keys, [*head, *release]))
        self._partitions = dealt.partitions
        return dealt

    async def leave(self, release: Iterable[int]) -> None:
        """Be there no more, and release all. Raises ``redis.RedisError``."""
        await _BEAT(self._client, self._keys, [self._token, self._ttl_ms, 0, 1, *release])
