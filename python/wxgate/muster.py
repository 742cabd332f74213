"""Workers start to serve together: once what their journals remember is known to all of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOG = logging.getLogger("wxgate.admit")
_LOOK_S = 0.005
_PATIENCE_S = 5.0
"""Longer than a journal of millions takes: who is not there by then was killed while it opened its
own, and its successor will tell what it holds."""


class Muster:
    """One byte for each worker: whether it has told the others."""

    def __init__(self, block: memoryview, worker: int) -> None:
        """Use the parent's block, as the worker in this place."""
        self._block = block
        self._worker = worker

    def told(self) -> None:
        """Note that this worker has nothing more to tell. It stays so for its successors."""
        self._block[self._worker] = 1

    async def complete(self, patience: float = _PATIENCE_S) -> None:
        """Wait until all have told, but not for ever: senders wait as well."""
        try:
            async with asyncio.timeout(patience):
                while missing := self._missing():  # noqa: ASYNC110 (other processes tell)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            text = "worker(s) %s have not told what their journals remember: a retry may be new"
            _LOG.warning(text, ", ".join(str(one) for one in missing))

    def _missing(self) -> Sequence[int]:
        return [at for at, told in enumerate(self._block) if not told]
