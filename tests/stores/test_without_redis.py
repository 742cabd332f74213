"""Who has no Redis pays nothing for it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CODE = """
import asyncio, sys
from wxgate import Gateway
from wxgate.sim.demo.world import Ports, build
from wxgate.sim.keypair import KeyPair
from pathlib import Path
import wxgate.serve

folder = Path(sys.argv[1])
keys = KeyPair.generate()
world = build(folder, Ports(1, 2, 3), keys, keys)

async def run():
    async with Gateway(world.config):
        pass

asyncio.run(run())
print(sorted(name for name in sys.modules if name.split(".")[0] in {"redis", "hiredis"}))
"""


def test_nothing_of_it_is_imported(tmp_path: Path) -> None:
    """Neither by the parent nor by a worker that has opened everything."""
    command = [sys.executable, "-c", _CODE, str(tmp_path)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (said.stdout, said.returncode) == ("[]\n", 0), said.stderr
