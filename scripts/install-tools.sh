#!/usr/bin/env bash
# Installs what is needed besides Swift, and does nothing where it is there already.
#   scripts/install-tools.sh build    SQLite's headers (users and counters)
#   scripts/install-tools.sh test     also openssl (certificates of the fake servers), curl (a probe that is not ours)
#                                     and zbarimg (reads the QR code back)
set -euo pipefail

missing=()
# macOS has them in its SDK.
[ "$(uname)" = Darwin ] || [ -e /usr/include/sqlite3.h ] || pkg-config --exists sqlite3 2>/dev/null \
    || missing+=(libsqlite3-dev)
if [ "${1:-build}" = test ]; then
    command -v openssl >/dev/null || missing+=(openssl)
    command -v curl >/dev/null || missing+=(curl)
    command -v zbarimg >/dev/null || missing+=(zbar-tools)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(uname)" = Darwin ]; then
    echo "Installing ${missing[*]} with Homebrew"
    exec brew install "${missing[@]/zbar-tools/zbar}"
fi
if ! command -v apt-get >/dev/null; then
    echo "Please install: ${missing[*]} (or what your system calls them)" >&2
    exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing ${missing[*]} from the distribution's packages"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
