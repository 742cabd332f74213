"""What a function of the team's own did wrong, told without text that may be a message's."""

from __future__ import annotations

import traceback
from pathlib import Path

from wxgate.replies import NotAReplyError

_OURS = f"{Path(__file__).parent.parent}/"
_FRAMES = 20
"""The innermost ones say where it happened; a recursion would have a thousand."""


def told(error: BaseException) -> str:
    """Say what was raised and where, in lines of code: never an exception's own text."""
    if isinstance(error, NotAReplyError):
        return str(error)
    return f"raised {type(error).__name__}{_frames(error)}{_cause(error)}"


def _cause(error: BaseException) -> str:
    """Tell what an exception was raised from, as Python does."""
    before = error.__cause__
    if before is None and not error.__suppress_context__:
        before = error.__context__
    return "" if before is None else f"\nfrom {type(before).__name__}{_frames(before)}"


def _frames(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    # What calls the function is ours, and says nothing; unless it could not even be called.
    theirs = [one for one in frames if not one.filename.startswith(_OURS)]
    lines = traceback.format_list((theirs or frames)[-_FRAMES:])
    return "".join(f"\n{line.rstrip()}" for line in lines)
