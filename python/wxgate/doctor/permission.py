"""What a server's user may do there, asked without doing it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hiredis import ReplyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wxgate.doctor.redis import Use
    from wxgate.redis.link import Link

_CALL = re.compile(r"redis\.call\('([A-Z]+)'(?:, '([A-Z]+)')?")
ASKED = frozenset(
    {
        "DEL",
        "EXISTS",
        "GET",
        "HGET",
        "HSET",
        "MGET",
        "PEXPIRE",
        "SET",
        "TIME",
        "XADD",
        "XLEN",
        "XTRIM",
    }
    | {"XINFO GROUPS", "XPENDING"}
)
"""What may be asked about. Servers up to Valkey 9.1 and Redis 8.2 crash when they are asked about a
command that counts its keys, such as EVALSHA, and the count is not where they look for it."""
_ASK = b"""
local denied = {}
for _, said in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(said, '%S+') do words[#words + 1] = word end
  -- As many as any of them takes: keys all, for those that take several.
  for _ = 1, 4 do words[#words + 1] = KEYS[1] end
  if not redis.acl_check_cmd(unpack(words)) then denied[#denied + 1] = said end
end
return denied
"""
"""Nothing is written, and nothing read."""
_NO_SCRIPT = b"0" * 40


async def denied(use: Use, link: Link) -> list[tuple[str, str]]:
    """Say what the user may not do, and what would allow it. Raises ``LostError``."""
    try:
        await _may_evaluate(link)
        said = await link.ask(b"EVAL", _ASK, b"1", use.key, *_words(use.scripts))
    except ReplyError as error:
        return [(f"the user {use.user}: {error}", _needs(use, str(error)))]
    words = [one.decode().lower() for one in said if isinstance(one, bytes)] if said else []  # type: ignore[attr-defined]
    if not words:
        return []
    rules = " ".join(f"+{word.replace(' ', '|')}" for word in words)
    return [(f"the user {use.user} may not {', '.join(words).upper()}", f"ACL rules {rules}")]


async def _may_evaluate(link: Link) -> None:
    try:
        await link.ask(b"EVALSHA", _NO_SCRIPT, b"0")
    except ReplyError as error:
        if not str(error).startswith("NOSCRIPT"):
            raise


def _needs(use: Use, said: str) -> str:
    if "key" in said:
        return f"ACL rule ~{_pattern(use)}"
    return "ACL rule +@scripting"


def _pattern(use: Use) -> str:
    prefix = use.place.prefix
    return f"{{{prefix}}}:*" if use.kept == "claims" else f"{prefix}:stream:*"


def _words(scripts: Iterable[str]) -> Iterator[bytes]:
    yield from (word.encode() for word in sorted(called(scripts) & ASKED))


def called(scripts: Iterable[str]) -> set[str]:
    """Return the commands that scripts run."""
    return {" ".join(filter(None, words)) for one in scripts for words in _CALL.findall(one)}
