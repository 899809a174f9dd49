#!/usr/bin/env bash
# Installs what the tests need besides Swift: openssl (certificates of the fake servers), curl (a probe that is not ours)
# and zbarimg (reads the QR code back). Does nothing where they are there already.
set -euo pipefail

missing=()
command -v openssl >/dev/null || missing+=(openssl)
command -v curl >/dev/null || missing+=(curl)
command -v zbarimg >/dev/null || missing+=(zbar-tools)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(uname)" = Darwin ]; then
    echo "Installing ${missing[*]} with Homebrew"
    exec brew install "${missing[@]/zbar-tools/zbar}"
fi
if ! command -v apt-get >/dev/null; then
    echo "Please install: ${missing[*]}" >&2
    exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing ${missing[*]} from the distribution's packages"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
