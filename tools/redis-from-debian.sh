#!/usr/bin/env bash
# Puts Debian's Redis 7.0 into .cache/redis-from-debian, for the tests; nothing is installed. It is the
# oldest Redis that wxgate promises to work with, and the one here that was built with TLS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=.cache/redis-from-debian
packages=(redis-server redis-tools libjemalloc2 liblzf1)
if [[ -x $target/usr/bin/redis-server ]]; then exit 0; fi

debs=$(mktemp -d)
trap 'rm -rf "$debs"' EXIT
chmod 755 "$debs"
fetch() { (cd "$debs" && timeout 120 apt-get download -qq "${packages[@]}"); }
fetch 2>/dev/null || { timeout 120 apt-get update -qq && fetch; }

mkdir -p "$debs/root" .cache
for deb in "$debs"/*.deb; do dpkg -x "$deb" "$debs/root"; done
# One folder for the libraries, whatever the machine's architecture is called.
ln -sfn "$(cd "$debs/root/usr/lib" && find . -maxdepth 1 -type d -name '*-linux-*' -printf '%f\n' -quit)" "$debs/root/usr/lib/lib"
rm -rf "$target"
mv "$debs/root" "$target"
