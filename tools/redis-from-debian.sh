#!/usr/bin/env bash
# Puts Debian's Redis 7.0 into .cache/redis-from-debian, for the tests; nothing is installed. It is the
# oldest Redis that wxgate promises to work with, and the one here that was built with TLS.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/from-debian.sh" .cache/redis-from-debian usr/bin/redis-server \
  redis-server redis-tools libjemalloc2 liblzf1
