#!/usr/bin/env bash
# Installs what is needed besides Swift, and does nothing where it is there already.
#   scripts/install-tools.sh build    SQLite's headers (users and counters)
#   scripts/install-tools.sh test     also openssl (certificates of the fake servers), curl (a probe that is not ours)
#                                     zbarimg (reads the QR code back), nft and ip (packet filters for the doctor) and
#                                     promtool (judges what monitoring is told)
#   scripts/install-tools.sh deb      what makes a Debian package
#   scripts/install-tools.sh test-deb, test-systemd, test-image   what these try packages and images with as well
set -euo pipefail

missing=()
# macOS has them in its SDK.
[ "$(uname)" = Darwin ] || [ -e /usr/include/sqlite3.h ] || pkg-config --exists sqlite3 2>/dev/null \
    || missing+=(libsqlite3-dev)
if [ "${1:-build}" = test ]; then
    command -v openssl >/dev/null || missing+=(openssl)
    command -v curl >/dev/null || missing+=(curl)
    command -v zbarimg >/dev/null || missing+=(zbar-tools)
    command -v promtool >/dev/null || missing+=(prometheus)
    # Packet filters in network namespaces of their own, which Linux has.
    [ "$(uname)" = Darwin ] || command -v nft >/dev/null || [ -x /usr/sbin/nft ] || missing+=(nftables)
    [ "$(uname)" = Darwin ] || command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing+=(iproute2)
fi
case "${1:-build}" in deb | test-deb | test-systemd | test-image)
    command -v dpkg-shlibdeps >/dev/null || missing+=(dpkg-dev)
    command -v strip >/dev/null || missing+=(binutils)
    command -v python3 >/dev/null || missing+=(python3)
esac
case "${1:-build}" in test-deb | test-systemd | test-image)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v pgrep >/dev/null || missing+=(procps)
esac
[ "${1:-build}" != test-systemd ] || command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
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
# Prometheus is wanted for its tool; nobody shall find the service running after this.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " == *" prometheus "* && ! -e $policy ]]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if [[ " ${missing[*]} " == *" prometheus "* && -d /run/systemd/system ]]; then
    "${as_root[@]}" systemctl --quiet disable prometheus
fi
