"""Where a message's CPU goes: its part of the results."""

from __future__ import annotations

from typing import Any

from flame import waits
from table import table

_HEAD = """\
The gateway's worker under a steady load of texts, events and payments over {connections}
connections, to a stream with claims and limits in Redis, fsync on; taken by `make bench-profile`,
{when}, commit {commit}: {cpu:.0f} µs of CPU a message before anybody looked. All threads, by
`perf`:

"""
_LOOP = "\nThe event loop's own time, by the innermost frame that says what for, by `py-spy`:\n\n"
_PICTURE = "\n![flame graph of the event loop's thread](plots/flame.svg)\n"
_NONE = "Not taken yet: `make bench-profile` takes a minute.\n"


def section(seen: dict[str, Any] | None) -> str:
    """Write the profile that was taken last."""
    if seen is None:
        return _NONE
    cpu = seen["cpu"]
    loop = sum(share for name, share in seen["threads"].items() if name.startswith("loop"))
    return (
        _HEAD.format(**seen)
        + _shares("all threads", seen["threads"], cpu)
        + _LOOP
        + _shares("the loop's thread", seen["parts"], cpu * loop)
        + _PICTURE
        + (waits.section(seen["waits"]) if "waits" in seen else "")
    )


def _shares(what: str, shares: dict[str, float], cpu: float) -> str:
    rows = ((name, f"{share:.1%}", f"{share * cpu:.1f}") for name, share in shares.items())
    return table((what, "share", "µs a message"), rows)
