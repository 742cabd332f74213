"""The claims that machines share, measured by a process of its own: ``../store/measure.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from servers import HERE


def run(rounds: int, messages: int) -> dict[str, Any]:
    """Return what it has seen."""
    command = [sys.executable, HERE.parent / "store/measure.py", str(rounds), str(messages)]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    seen: dict[str, Any] = json.loads(said)
    return seen
