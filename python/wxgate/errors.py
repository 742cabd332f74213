"""What wxgate raises when it cannot go on. A refused request is never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wxgate.settings.problems import Problem


class WxGateError(Exception):
    """The root of all of wxgate's errors."""


class ConfigError(WxGateError, ValueError):
    """The configuration cannot be used; it carries every problem, not just the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order of the file."""
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """One problem a line."""
        return "\n".join(map(str, self.problems))


class UnreadableConfigError(ConfigError):
    """The file is absent, cannot be opened, or is not TOML."""


class TakenError(WxGateError):
    """Another process has the journal."""

    def __init__(self, folder: Path) -> None:
        """Name the folder, and the setting to change."""
        super().__init__(
            f"journal.dir: {folder} is in use by another process; stop it, or choose another folder"
        )


class StoreError(WxGateError):
    """What must be remembered cannot be read or written."""


class SinkError(WxGateError):
    """A destination did not take a message."""


class SinkRetryError(SinkError):
    """The destination may take it later: refused connection, timeout, 408, 425, 429, 5xx."""

    def __init__(self, reason: str, after: float | None = None, node: int | None = None) -> None:
        """``after`` are the seconds that the destination asks for, if it names any.

        ``node`` is the index of the node that failed, where another one may do better.
        """
        super().__init__(reason)
        self.after = after
        self.node = node


class SinkRefusedError(SinkError):
    """The destination says no, and would say it again."""


class SinkGoneError(SinkError):
    """The destination is gone for good: 410."""
