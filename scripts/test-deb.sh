#!/usr/bin/env bash
# Tries the Debian package in a Debian of its own: install, start, upgrade while it runs, remove, purge.
#   scripts/test-deb.sh [BINARY]        default: .build/release/martlet
# Needs root. The first run makes that Debian with debootstrap from the mirror that apt is set to and keeps it, packed,
# in MARTLET_TEST_CACHE (default: /tmp/martlet-test-deb). The program has a network of loopback alone.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-.build/release/martlet}
source scripts/test-support.sh
test_alone test-deb

as_martlet() { inside setpriv --reuid=martlet --regid=martlet --init-groups --inh-caps=-all "$@"; }
answers() { nsenter --target "$network" --net bash -c 'exec 3<>/dev/tcp/127.0.0.1/1443' 2>/dev/null; }
# The process that the service's manager was told of last.
main_pid() { sed -n 's/.*MAINPID=\([0-9]*\).*/\1/p' "$work/notified" | tail -n 1 | grep . || echo "$started"; }
has_changed() { [ "$(main_pid)" != "$1" ] && [ -d "/proc/$(main_pid)" ]; }
has_ended() { [ ! -d "/proc/$(main_pid)" ]; }
runs_installed_file() { [ "/proc/$(main_pid)/exe" -ef "$root/usr/bin/martlet" ]; }

# Everything but logs, caches and lists of packages.
files() {
    (cd "$root" && find . -xdev \( -path ./var/cache -o -path ./var/log -o -path ./var/lib/dpkg -o -path ./var/lib/apt \
        -o -path ./tmp \) -prune -o -print | sort)
}

# As the unit does: its command, its account, its umask, and a socket that listens for what the program says.
start_service() {
    local command
    command=$(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/martlet.service")
    python3 - "$root/run/notify" "$work/notified" <<'PYTHON' &
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
with open(sys.argv[2], "a", buffering=1) as file:
    while True:
        file.write(listener.recv(4096).decode().replace("\n", " ") + "\n")
PYTHON
    eventually test -S "$root/run/notify"
    # shellcheck disable=SC2086
    (umask 0077 && exec nsenter --target "$network" --net setpriv --reset-env env -C / chroot "$root" \
        setpriv --reuid=martlet --regid=martlet --init-groups --inh-caps=-all --no-new-privs \
        env NOTIFY_SOCKET=/run/notify STATE_DIRECTORY=/var/lib/martlet $command) > "$work/log" 2>&1 &
    started=$!
}

upgrade_while_running() {
    local former watch
    former=$(main_pid)
    watch_port "$network" "$work/upgraded" > "$work/watched" &
    watch=$!
    check "a package of higher version is installed while the server runs" apt install "/tmp/$(basename "$newer")"
    check "a new process has taken over" eventually has_changed "$former"
    check "it runs the new file" eventually runs_installed_file
    touch "$work/upgraded"
    wait "$watch" || { cat "$work/watched"; fail "the port was closed during the upgrade"; }
    cat "$work/watched"
}

version=$("$binary" --version)
package=$(scripts/make-deb.sh --binary "$binary" --output "$work")
# Packed only to be unpacked at once.
newer=$(DPKG_DEB_COMPRESSOR_TYPE=none scripts/make-deb.sh --binary "$binary" --version "$version+upgrade" --output "$work")
unpack_debian
mount_system
mount -t tmpfs -o mode=755 tmpfs "$root/run"
cp "$package" "$newer" "$root/tmp/"
files > "$work/before"
# A network of loopback alone, held open by a process that does nothing.
unshare --net sleep infinity &
network=$!
eventually nsenter --target "$network" --net ip link set lo up

echo "        $(stat -c %s "$package") bytes: $(basename "$package")"
check "install" apt install "/tmp/$(basename "$package")"
check "all libraries are there" inside sh -c '! ldd /usr/bin/martlet | grep "not found"'
check "martlet --version" is "$(inside martlet --version)" "$version"
check "the configuration is for root and the group alone" \
    is "$(inside stat -c '%U:%G %a' /etc/martlet/martlet.toml)" "root:martlet 640"
check "martlet config check" as_martlet martlet config check --config /etc/martlet/martlet.toml
check "the service is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/martlet.service"
check "the socket is not" test ! -e "$root/etc/systemd/system/sockets.target.wants/martlet.socket"
if command -v systemd-analyze >/dev/null; then
    check "exposure below 2.0 (systemd-analyze security)" \
        systemd-analyze security --offline=true --threshold=20 "$root/lib/systemd/system/martlet.service"
fi

start_service
check "the program says READY=1" eventually grep -q READY=1 "$work/notified"
check "127.0.0.1:1443 answers" eventually answers
check "martlet healthcheck" as_martlet martlet healthcheck --config /etc/martlet/martlet.toml
check "a user is added" as_martlet martlet users add anna --config /etc/martlet/martlet.toml
check "martlet reload" as_martlet martlet reload --config /etc/martlet/martlet.toml
upgrade_while_running
check "the user is still there" as_martlet martlet users show anna --config /etc/martlet/martlet.toml

check "remove" apt remove martlet
check "configuration and state stay" test -e "$root/etc/martlet/martlet.toml" -a -e "$root/var/lib/martlet/martlet.db"
kill -TERM "$(main_pid)"
check "SIGTERM ends the program" eventually has_ended
check "purge" apt purge martlet
# ca-certificates by name: apt recommends it and would keep it.
check "the dependencies go as well" apt autoremove --purge ca-certificates
files > "$work/after"
left=$(comm -13 "$work/before" "$work/after" | grep -vE '^\./(etc/(passwd|group|shadow|gshadow)-|run/notify)$' || true)
check "nothing is left" is "$left" ""
check "no account is left" inside sh -c '! grep martlet /etc/passwd /etc/group'
echo "test-deb: all well"
