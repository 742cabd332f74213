#!/bin/sh
# The interpreter to make .venv with: the first that runs and is new enough. One that was compiled
# by a profile (PGO) goes before one that was not, with which a message takes a tenth more CPU: those
# of Linux distributions, of python.org and of Docker's official images are, those of pyenv are not
# unless it is told to.
set -eu

new_enough='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'
by_profile='import sys, sysconfig
told = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
sys.exit(not told and sys.base_prefix != "/usr")'

found=''
for candidate in python3.11 /usr/bin/python3.11 python3 /usr/bin/python3 \
    python3.12 python3.13 python3.14; do
    # A version manager's shim may exist and not run.
    "$candidate" -c "$new_enough" 2>/dev/null || continue
    found=${found:-$candidate}
    if "$candidate" -c "$by_profile" 2>/dev/null; then
        found=$candidate
        break
    fi
done
printf '%s\n' "$found"
