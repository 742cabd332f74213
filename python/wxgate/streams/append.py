"""Appending: one script call for all messages of a batch, whatever their partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wxgate.redis.script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wxgate.redis.runner import Runner
    from wxgate.streams.keys import Partition
    from wxgate.streams.ledger import Ledger

TAIL_TTL_MS = 86_400_000
"""How long the server keeps a writer's tail; whoever still remembers appends renews it."""

TAIL = """
local function tail_of(entries, tail, made)
  local time = redis.call('GET', made)
  if time and redis.call('EXISTS', entries) == 0 then
    redis.call('DEL', made)
    return 0
  end
  local number, of = string.match(redis.call('GET', tail) or '', '^(%d+) (.*)$')
  if of ~= time then return 0 end
  return tonumber(number)
end
"""
"""How far a writer has come. Someone may have deleted the entries and nothing else: whoever finds
none forgets when they were made, and a tail counts only beside the stream that it was written to.
It writes nothing otherwise: after a script's first write, a full server lets it go on.
"""

# Looks at all tails before it writes anything, so that either everything is appended or nothing.
_APPEND = Script(
    TAIL
    + """
local partitions, wrong = #KEYS / 3, {}
for p = 1, partitions do
  local tail = tail_of(KEYS[3 * p - 2], KEYS[3 * p - 1], KEYS[3 * p])
  if tail < tonumber(ARGV[4 * p - 2]) or tail > tonumber(ARGV[4 * p - 1]) then
    wrong[#wrong + 1] = p - 1
    wrong[#wrong + 1] = tail
  end
end
if #wrong > 0 then return {0, wrong} end
local at, last, time = 4 * partitions + 2, {}, redis.call('TIME')
for p = 1, partitions do
  for _ = 1, tonumber(ARGV[4 * p + 1]) do
    last[p] = redis.call('XADD', KEYS[3 * p - 2], '*',
      'id', ARGV[at], 'key', ARGV[at + 1], 'event', ARGV[at + 2])
    at = at + 3
  end
  redis.call('SET', KEYS[3 * p], time[1] .. '.' .. time[2], 'NX')
  local of = redis.call('GET', KEYS[3 * p])
  redis.call('SET', KEYS[3 * p - 1], ARGV[4 * p] .. ' ' .. of, 'PX', ARGV[1])
end
return {1, last}
"""
)

_ABOUT = Script("""
if tonumber(redis.call('HGET', KEYS[1], 'partitions') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'partitions', ARGV[1])
end
return 1
""")
SCRIPTS = (_APPEND, _ABOUT)


class Record(NamedTuple):
    """A message on its way into a stream."""

    seq: int
    """Its place in the journal; 0 if it is in none."""
    id: str
    key: str
    event: bytes


class LostError(Exception):
    """The server has lost appends; nothing was appended now."""

    def __init__(self, tails: Mapping[int, int]) -> None:
        """``tails`` are the server's, by the partition's number."""
        super().__init__("the server has lost appends")
        self.tails = tails


async def announce(runner: Runner, key: str, partitions: int) -> None:
    """Say how many partitions readers have to look at; never fewer than were once said.

    Raises ``StoreError``.
    """
    await runner.run(_ABOUT, [key], [partitions])


async def append(
    runner: Runner,
    writer: str,
    batch: Sequence[tuple[Partition, Ledger, Sequence[Record]]],
    most: int,
) -> None:
    """Append records to partitions, all or none, and note it in their ledgers.

    A ledger remembers ``most`` messages. In a Redis Cluster a call is for one partition. Raises
    ``LostError``, or ``StoreError``, after which it is not known whether they were appended.
    """
    keys: list[str] = []
    heads: list[int] = []
    bodies: list[str | bytes] = []
    numbers = []
    for partition, ledger, records in batch:
        least = ledger.confirmed if len(ledger) else 0
        number = ledger.attempt()
        numbers.append(number)
        keys += (partition.entries, partition.tail(writer), partition.made)
        heads += (least, number, number, len(records))
        for record in records:
            bodies += (record.id, record.key, record.event)
    done, told = await runner.run(_APPEND, keys, [TAIL_TTL_MS, *heads, *bodies])
    if not done:
        pairs = zip(told[::2], told[1::2], strict=True)
        raise LostError({batch[at][0].number: tail for at, tail in pairs})
    for (_, ledger, records), number, last in zip(batch, numbers, told, strict=True):
        seqs = [record.seq for record in records if record.seq]
        ledger.confirm(number, seqs, int(last.partition(b"-")[0]), most)
