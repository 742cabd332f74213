"""The rivals' environment: made once, made again when its list changes."""

from __future__ import annotations

import shutil
import subprocess
import sys

from servers import HERE, PEERS


def install() -> str | None:
    """Make ``.cache/peers``; says why if that cannot be done."""
    wanted = HERE / "peers.txt"
    stamp = PEERS / "installed.txt"
    if stamp.is_file() and stamp.read_text() == wanted.read_text():
        return None
    shutil.rmtree(PEERS, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)  # noqa: S603
        subprocess.run(  # noqa: S603
            [str(PEERS / "bin/pip"), "install", "--quiet", "--requirement", str(wanted)],
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(PEERS, ignore_errors=True)
        lines = (error.stderr or str(error)).strip().splitlines()
        return lines[-1] if lines else "pip failed"
    shutil.copy(wanted, stamp)
    return None
