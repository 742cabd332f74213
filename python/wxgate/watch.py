"""Which files a configuration consists of, and word of their changes.

Folders are watched, not files: editors replace a file, and Kubernetes swaps a link in a folder
above it. Whether something has really changed is then seen by size, time and inode of the files.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CLOSE_WRITE = 0x8
_MOVED_TO = 0x80
_CREATE = 0x100
"""A link is created, and never written."""
_DELETE = 0x200
_EVENTS = _CLOSE_WRITE | _MOVED_TO | _CREATE | _DELETE
_MOST_LINKS = 16


class Watch:
    """Becomes readable when something happens in a folder of the files. Linux only; else silent."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._seen: dict[Path, object] = {}
        self._folders: dict[str, int] = {}
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._inotify = -1
        if self._libc is not None:
            self._inotify = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Return the descriptor to wait for; -1 if there is none."""
        return self._inotify

    def files(self, files: Iterable[Path]) -> None:
        """Watch the folders of these files, and of what they are links to, and no others.

        Those that were not watched before are known as they are now.
        """
        self._seen = {
            file: self._seen[file] if file in self._seen else _state(file) for file in files
        }
        wanted = {str(folder) for file in self._seen for folder in _folders(file)}
        if self._libc is None or self._inotify < 0:
            return
        for gone in self._folders.keys() - wanted:
            self._libc.inotify_rm_watch(self._inotify, self._folders.pop(gone))
        for new in wanted - self._folders.keys():
            number = self._libc.inotify_add_watch(self._inotify, os.fsencode(new), _EVENTS)
            if number >= 0:
                self._folders[new] = number

    def see(self) -> None:
        """Take the files as they are now for known."""
        self._seen = {file: _state(file) for file in self._seen}

    def changed(self) -> bool:
        """Empty the descriptor; whether a file is another one than that which is known."""
        try:
            while os.read(self._inotify, 65536):
                pass
        except OSError:
            pass
        return any(_state(file) != known for file, known in self._seen.items())

    def close(self) -> None:
        """Watch no more."""
        if self._inotify >= 0:
            os.close(self._inotify)
            self._inotify = -1


def _state(file: Path) -> object:
    try:
        found = file.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _folders(file: Path) -> Iterator[Path]:
    """Yield each folder in which a link or a file lies that leads to what is read."""
    for _ in range(_MOST_LINKS):
        file = Path(os.path.abspath(file))  # noqa: PTH100 (links are what this looks for)
        yield file.parent
        link = next((one for one in [*file.parents, file] if one.is_symlink()), None)
        if link is None:
            return
        yield link.parent
        target = link.parent / link.readlink()
        file = target / file.relative_to(link)
