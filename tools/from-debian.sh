#!/usr/bin/env bash
# Puts programs of Debian's packages into a folder, from which they run; nothing is installed.
#   tools/from-debian.sh FOLDER PROGRAM PACKAGE...
# FOLDER/PROGRAM tells whether that has been done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$1 program=$2
shift 2
if [[ -x $target/$program ]]; then exit 0; fi

debs=$(mktemp -d)
trap 'rm -rf "$debs"' EXIT
chmod 755 "$debs"
fetch() { (cd "$debs" && timeout 120 apt-get download -qq "$@"); }
fetch "$@" 2>/dev/null || { timeout 120 apt-get update -qq && fetch "$@"; }

mkdir -p "$debs/root" "$(dirname "$target")"
for deb in "$debs"/*.deb; do dpkg -x "$deb" "$debs/root"; done
# One folder for the libraries, whatever the machine's architecture is called.
if [[ -d $debs/root/usr/lib ]]; then
  ln -sfn "$(cd "$debs/root/usr/lib" && find . -maxdepth 1 -type d -name '*-linux-*' -printf '%f\n' -quit)" "$debs/root/usr/lib/lib"
fi
rm -rf "$target"
mv "$debs/root" "$target"
