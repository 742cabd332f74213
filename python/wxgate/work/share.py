"""A partition that this consumer has: every step a script that refuses whoever has it no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wxgate.work.entry import Entry
from wxgate.work.recent import MOST, Recent
from wxgate.work.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wxgate.streams.keys import Partition
    from wxgate.work.connect import Client

_OURS, _NOBODYS, _ANOTHERS, _GROUPLESS = range(4)

# The state of a share: 0 ours, 1 nobody's (the server has forgotten), 2 another's.
_CHECK = """
local function check(key, token)
  local owner = redis.call('GET', key)
  if not owner then return 1 end
  if owner ~= token then return 2 end
  return 0
end
"""

# A stream that has to be made here is none of those that writers have written to.
_TAKE = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('DEL', KEYS[4]) end
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP') then return made end
redis.call('SET', KEYS[2], ARGV[2])
local position = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local of = {}
  for i = 1, #group, 2 do of[group[i]] = group[i + 1] end
  if of['name'] == ARGV[1] then position = of['last-delivered-id'] end
end
return {made.err and 0 or 1, position, redis.call('LRANGE', KEYS[3], 0, -1)}
""")

_CLAIM = Script(
    _CHECK
    + """
local state = check(KEYS[2], ARGV[3])
if state > 0 then return {state} end
local found = redis.pcall('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[4], 'COUNT', ARGV[5])
if found.err then
  if string.find(found.err, 'NOGROUP') then return {3} end
  return found
end
local tries = {}
for i, entry in ipairs(found[2]) do
  tries[i] = tonumber(redis.call('HGET', KEYS[3], entry[1]) or '0')
end
return {0, found[1], found[2], tries}
"""
)

_READ = Script(
    _CHECK
    + """
local left, told = tonumber(ARGV[4]), {}
for i = 1, #KEYS, 2 do
  local state, entries = check(KEYS[i + 1], ARGV[3]), {}
  if state == 0 and left > 0 then
    local found = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left,
      'STREAMS', KEYS[i], '>')
    if found and found.err then
      if not string.find(found.err, 'NOGROUP') then return found end
      state = 3
    elseif found then
      entries = found[1][2]
      left = left - #entries
    end
  end
  told[#told + 1] = {state, entries}
end
return told
"""
)

_FINISH = Script(
    _CHECK
    + """
local at, told = 4, {}
for i = 1, #KEYS, 4 do
  local places, ids = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local state = check(KEYS[i + 1], ARGV[2])
  if state == 0 then
    local first = at + 2
    redis.call('XACK', KEYS[i], ARGV[1], unpack(ARGV, first, first + places - 1))
    redis.call('HDEL', KEYS[i + 3], unpack(ARGV, first, first + places - 1))
    if ids > 0 then
      first = first + places
      redis.call('RPUSH', KEYS[i + 2], unpack(ARGV, first, first + ids - 1))
      redis.call('LTRIM', KEYS[i + 2], -tonumber(ARGV[3]), -1)
    end
  end
  told[#told + 1] = state
  at = at + 2 + places + ids
end
return told
"""
)

_BURY = Script(
    _CHECK
    + """
local state = check(KEYS[2], ARGV[2])
if state > 0 then return {state} end
local places = tonumber(ARGV[3])
local id = redis.call('XADD', KEYS[4], '*', unpack(ARGV, 4 + places))
redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 4, 3 + places))
redis.call('HDEL', KEYS[3], unpack(ARGV, 4, 3 + places))
return {0, id}
"""
)


class ForgottenError(Exception):
    """The server knows nothing of a share, or of its group: it was flushed, or lost its data."""


class Share:
    """One partition of one consumer."""

    def __init__(
        self,
        partition: Partition,
        group: str,
        consumer: str,
        token: str,
        known: Recent | None = None,
    ) -> None:
        """Have nothing yet: see ``take``; ``known`` is what was seen finished here before."""
        self.partition = partition
        self._group = group
        self._consumer = consumer
        self._token = token
        self.keys = (partition.entries, partition.owner(group))
        self._done, self._deaths = partition.done(group), partition.deaths(group)
        self._made = partition.made
        self.recent = Recent() if known is None else known
        self.in_hand: dict[str, Entry] = {}
        """What was read and is not finished, by id."""
        self.finished: list[Entry] = []
        """What is still to be acknowledged."""
        self.repeated: list[bytes] = []
        """Places of what was finished before, to be acknowledged likewise."""
        self.position = b"0-0"
        """Up to here entries were given out."""
        self.cursor: bytes | None = b"0-0"
        """Where to go on claiming what was in others' hands; None when that is done."""
        self.running = 0
        """How many are being handled now."""
        self.closing = False
        """Whether it is being given up: nothing more of it is started."""
        self.lost = False
        self.taken = False

    async def take(self, client: Client) -> bool:
        """Become the owner, making the group if there is none; whether that was so.

        What this process has seen finished it still knows. Raises ``redis.RedisError``.
        """
        keys = [*self.keys, self._done, self._made]
        made, self.position, done = await _TAKE(client, keys, [self._group, self._token])
        self.recent = Recent([*(one.decode() for one in done), *self.recent])
        self.cursor = b"0-0"
        self.taken = True
        return bool(made)

    async def claim(self, client: Client, count: int) -> list[Entry]:
        """Return some of what was in others' hands, in order, and nothing when all was.

        Raises ``ForgottenError``, or ``redis.RedisError``.
        """
        keys = [*self.keys, self._deaths]
        head = (self._group, self._consumer, self._token)
        state, *rest = await _CLAIM(client, keys, [*head, self.cursor or b"0-0", count])
        if not self._is_ours(state):
            return []
        cursor, entries, tries = rest
        self.cursor = None if cursor == b"0-0" else cursor
        fresh = []
        for (place, fields), tried in zip(entries, tries, strict=True):
            entry = self._admit(place, fields)
            if entry is not None:
                entry.again, entry.tries, entry.marks = True, tried, tried
                fresh.append(entry)
        return fresh

    def given(self, state: int, entries: Iterable[Any]) -> list[Entry]:
        """Take what ``read`` brought; without what is known. Raises ``ForgottenError``."""
        if not self._is_ours(state):
            return []
        fresh = []
        for place, fields in entries:
            self.position = place
            if (entry := self._admit(place, fields)) is not None:
                fresh.append(entry)
        return fresh

    def _admit(self, place: bytes, fields: Sequence[bytes] | None) -> Entry | None:
        if fields is None:
            self.repeated.append(place)
            return None
        entry = Entry(self, place, fields)
        if entry.id in self.recent:
            self.repeated.append(place)
            return None
        if (first := self.in_hand.get(entry.id)) is not None:
            # It is being handled. Acknowledged now, it would be lost if that came to nothing.
            if place not in first.places:
                first.places.append(place)
            return None
        self.in_hand[entry.id] = entry
        return entry

    def _is_ours(self, state: int) -> bool:
        if state in {_NOBODYS, _GROUPLESS}:
            raise ForgottenError
        if state == _ANOTHERS:
            self.lose()
        return state == _OURS

    @property
    def open(self) -> bool:
        """Whether what is in hand may be started."""
        return not (self.closing or self.lost)

    def lose(self) -> None:
        """Have it no more: what is in hand is another's affair now."""
        self.lost = True
        self.in_hand.clear()
        self.finished.clear()
        self.repeated.clear()

    def start(self, entry: Entry) -> None:
        """Note that an entry is being handled."""
        if not entry.started:
            entry.started = True
            self.running += 1

    def stop(self, entry: Entry) -> None:
        """Note that it is not, or no more."""
        if entry.started:
            entry.started = False
            self.running -= 1

    def leave(self, entry: Entry) -> None:
        """Leave an entry that was not started to whoever has the share next."""
        if self.in_hand.get(entry.id) is entry:
            del self.in_hand[entry.id]

    def finish(self, entry: Entry) -> None:
        """Note that an entry is done; ``acknowledge`` tells the server."""
        self.stop(entry)
        if self.lost or self.in_hand.get(entry.id) is not entry:
            return
        del self.in_hand[entry.id]
        self.recent.add(entry.id)
        self.finished.append(entry)

    async def mark(self, client: Client, entry: Entry) -> None:
        """Note in Redis that an entry is about to be handled: who dies over it will not tell.

        Said twice it counts once. Raises ``redis.RedisError``.
        """
        await client.hset(self._deaths, entry.places[0].decode(), str(entry.marks + 1))

    async def unmark(self, client: Client, entry: Entry) -> None:
        """Note that handling it did not end the process. Raises ``redis.RedisError``."""
        await client.hdel(self._deaths, entry.places[0].decode())
        entry.marks = 0

    async def bury(
        self, client: Client, entry: Entry, letter: dict[str, str | bytes | int]
    ) -> bool:
        """Move an entry to the dead letters, in one step; False if it is not ours any more.

        Raises ``ForgottenError``, or ``redis.RedisError``.
        """
        keys = [*self.keys, self._deaths, self.partition.dead]
        fields = [part for pair in letter.items() for part in pair]
        head = (self._group, self._token, len(entry.places))
        state, *_ = await _BURY(client, keys, [*head, *entry.places, *fields])
        self.stop(entry)
        if not self._is_ours(state):
            return False
        self.in_hand.pop(entry.id, None)
        return True


async def read(
    client: Client, shares: Sequence[Share], count: int
) -> list[tuple[Share, int, list[Any]]]:
    """Ask for up to ``count`` new entries of ``shares``, which are in one slot.

    What is returned is for ``Share.given``. Raises ``redis.RedisError``.
    """
    if not shares:
        return []
    one = shares[0]
    keys = [key for share in shares for key in share.keys]
    told = await _READ(client, keys, [one._group, one._consumer, one._token, count])  # noqa: SLF001 (of this module)
    return [(share, *found) for share, found in zip(shares, told, strict=True)]


_AT_ONCE = 1000
"""Entries acknowledged in one call for each share; Lua takes no more than some 8,000 arguments."""


class Acknowledged(NamedTuple):
    """What became of a call."""

    finished: int
    repeated: int
    forgotten: list[Share]
    """The shares that the server has forgotten: what is finished there is still to be said."""


async def acknowledge(client: Client, shares: Sequence[Share]) -> Acknowledged:
    """Acknowledge what is finished, or some of it. Raises ``redis.RedisError``."""
    shares = [share for share in shares if share.finished or share.repeated]
    if not shares:
        return Acknowledged(0, 0, [])
    keys: list[str] = []
    arguments: list[str | bytes | int] = [shares[0]._group, shares[0]._token, MOST]  # noqa: SLF001 (as above)
    sent = []
    for share in shares:
        finished, repeated = share.finished[:_AT_ONCE], share.repeated[:_AT_ONCE]
        places = [place for entry in finished for place in entry.places] + repeated
        keys += (*share.keys, share._done, share._deaths)  # noqa: SLF001 (as above)
        arguments += (len(places), len(finished), *places, *(entry.id for entry in finished))
        sent.append((len(finished), len(repeated)))
    states = await _FINISH(client, keys, arguments)
    forgotten, done, known = [], 0, 0
    for share, (finished_count, repeated_count), state in zip(shares, sent, states, strict=True):
        if state == _OURS:
            del share.finished[:finished_count], share.repeated[:repeated_count]
            done += finished_count
            known += repeated_count
        elif state == _NOBODYS:
            forgotten.append(share)
        else:
            share.lose()
    return Acknowledged(done, known, forgotten)
