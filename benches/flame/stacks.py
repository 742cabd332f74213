"""Stacks that py-spy has folded, and samples of perf: grouped by what they were spent on."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r"::h[0-9a-f]{16}(?= )|:\d+(?=\)$)")
"""What tells two builds apart, or two lines of a function."""
_ROOT = ("MPServer._spawn_rsgi_worker", "run_until_complete", "run_forever", "uv_run")
"""What is above these is how the process was started."""
_OWN = ("wxgate/", "wxcore")
"""Where such a frame is, what is above it is the loop's: it unwinds now this way, now that."""
_IDLE = ("epoll_pwait", "epoll_wait")
_OURS = (
    ("wxgate/stores/", "claims and limits, in Redis"),
    ("redis/", "claims and limits, in Redis"),
    ("hiredis", "claims and limits, in Redis"),
    ("wxgate/streams/", "delivery to the stream"),
    ("wxgate/sinks/", "delivery to the stream"),
    ("wxgate/dispatch/", "dispatch"),
    ("wxgate/record", "record: into the journal"),
    ("wxcore", "wxcore"),
    ("wxgate/", "pipeline: request to reply"),
    ("granian", "granian, on the loop"),
)
"""The innermost frame that has one of these says what a sample is of; the first one counts."""
_ELSE = "event loop: uvloop and asyncio"
_SAMPLE = re.compile(
    r"^\s*(?P<comm>.+?)\s+(?P<tid>\d+)\s+[0-9a-f]+ (?P<symbol>.*) \((?P<dso>.*)\)$"
)


class Stack(NamedTuple):
    """Frames from the outermost to the innermost, and how many samples had them."""

    frames: tuple[str, ...]
    samples: int


def folded(text: str) -> list[Stack]:
    """Read what ``py-spy record --format raw`` wrote, without how the process was started."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        names, _, samples = line.rpartition(" ")
        frames = _below_the_root([_LINE.sub("", name) for name in names.split(";")])
        if frames and not frames[-1].startswith(_IDLE):
            stacks[_once(frames)] += int(samples)
    return [Stack(*one) for one in stacks.items()]


def _below_the_root(frames: list[str]) -> list[str]:
    began = [at for at, name in enumerate(frames) if name.startswith(_ROOT)]
    below = frames[began[-1] + 1 :] if began else []
    own = (at for at, name in enumerate(below) if any(text in name for text in _OWN))
    return below[next(own, 0) :]


def _once(frames: list[str]) -> tuple[str, ...]:
    """Leave out a frame that only repeats the one before it, as inlined C does."""
    return tuple(
        name for at, name in enumerate(frames) if not at or _name(name) != _name(frames[at - 1])
    )


def _name(frame: str) -> str:
    return frame.partition(" (")[0]


def by_part(stacks: Iterable[Stack]) -> dict[str, float]:
    """Shares of the event loop's time by what it was spent on, the largest first."""
    found: Counter[str] = Counter()
    for stack in stacks:
        found[_part(stack.frames)] += stack.samples
    return _shares(found)


def _part(frames: tuple[str, ...]) -> str:
    for frame in reversed(frames):
        for text, part in _OURS:
            if text in frame:
                return part
    return _ELSE


def by_thread(samples: str, pid: int) -> dict[str, float]:
    """Shares of all threads' time by thread and library, as ``perf script`` tells samples."""
    found: Counter[str] = Counter()
    for line in samples.splitlines():
        if (seen := _SAMPLE.match(line)) is not None:
            found[_where(seen["comm"], int(seen["tid"]) == pid, seen["dso"])] += 1
    return _shares(found)


def _where(comm: str, on_the_loop: bool, dso: str) -> str:  # noqa: FBT001 (a part of a sample)
    in_kernel = "kernel" in dso
    if comm.startswith("wx-"):
        return "journal's threads: write and fsync"
    if not on_the_loop:
        return f"granian's threads: {'sockets, in the kernel' if in_kernel else 'hyper'}"
    if in_kernel:
        return "loop: the kernel (Redis' socket, wake-ups)"
    for text, name in (
        ("_granian", "granian"),
        ("_wxcore", "wxcore"),
        ("uvloop", "uvloop"),
        ("hiredis", "hiredis"),
        ("libc", "libc (memory)"),
    ):
        if text in dso:
            return f"loop: {name}"
    return "loop: CPython"


def _shares(found: Counter[str]) -> dict[str, float]:
    whole = found.total() or 1
    return {name: count / whole for name, count in found.most_common()}
