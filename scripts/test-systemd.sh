#!/usr/bin/env bash
# Tries the service under a systemd of its own (systemd-nspawn): the sandbox, what the program tells systemd, reload,
# restart and upgrade without a gap, the watchdog, the socket unit, removal.
#   scripts/test-systemd.sh [BINARY]    default: .build/release/martlet
# Needs root, and shares its Debian with scripts/test-deb.sh. The network is loopback alone.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-.build/release/martlet}
source scripts/test-support.sh
test_alone test-systemd

explain() { there journalctl --no-pager --lines 30 --output cat --unit martlet.service || tail -n 30 "$work/log"; }
there() { nsenter --target "$init" --all -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
show() { there systemctl show --value --property "$1" martlet.service; }
shows() { is "$(show "$1")" "$2"; }
has_changed() { [ "$(show MainPID)" != "$1" ] && [ "$(show MainPID)" != 0 ]; }
has_restarted() { [ "$(show NRestarts)" -gt 0 ] && shows ActiveState active; }
answers() { nsenter --target "$init" --net bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" 2>/dev/null; }
has_booted() { init=$(pgrep --parent "$nspawn") && there systemctl is-system-running | grep -qE 'running|degraded'; }
configure() { there sh -c 'mkdir -p "/etc/systemd/system/$1.d" && printf "$2" > "/etc/systemd/system/$1.d/test.conf" && systemctl daemon-reload' - "$@"; }

boot() {
    unpack_debian
    mount_system
    apt install --no-install-recommends systemd systemd-sysv dbus ca-certificates libsqlite3-0 libstdc++6 zlib1g > "$work/log" 2>&1
    umount --recursive "$root/proc" "$root/dev" "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"
    cp "$package" "$newer" "$root/root/"
    systemd-nspawn --quiet --directory "$root" --boot --private-network --register=no --keep-unit --machine=martlet-test \
        --console=pipe > "$work/log" 2>&1 < /dev/null &
    nspawn=$!
    check "systemd has booted" eventually has_booted
}

# Runs a command after which another process has to be the main one, while the port is watched.
without_a_gap() {
    local words=$1 former watch
    shift
    former=$(show MainPID)
    rm -f "$work/done"
    watch_port "$init" "$work/done" > "$work/watched" &
    watch=$!
    check "$words" there "$@"
    check "another process is the service's main one" eventually has_changed "$former"
    touch "$work/done"
    wait "$watch" || { cat "$work/watched"; fail "the port was closed meanwhile"; }
    cat "$work/watched"
    check "systemd sees no failure" shows NRestarts 0
    check "the service is active" shows ActiveState active
}

version=$("$binary" --version)
export DPKG_DEB_COMPRESSOR_TYPE=none
package=$(scripts/make-deb.sh --binary "$binary" --output "$work")
newer=$(scripts/make-deb.sh --binary "$binary" --version "$version+upgrade" --output "$work")
boot

check "the package starts the service" there dpkg --install "/root/$(basename "$package")"
check "the program says that it is ready" eventually shows ActiveState active
check "127.0.0.1:1443 answers" eventually answers 1443
echo "        $(there systemd-analyze security martlet.service | tail -n 1)"
# Where this machine itself may not raise limits, LimitNICE= has no effect.
no_complaints() {
    ! there journalctl --output cat --unit martlet.service | grep -v "thread priority" | grep -E "Failed|not permitted|denied"
}
check "the sandbox is in nobody's way" no_complaints
check "systemctl reload" there systemctl reload martlet
check "still the same process, and active" shows NRestarts 0
without_a_gap "martlet restart" martlet restart --config /etc/martlet/martlet.toml
without_a_gap "an upgrade of the package" dpkg --install "/root/$(basename "$newer")"
configure martlet.service '[Service]\nWatchdogSec=5s\n'
there systemctl restart martlet
without_a_gap "martlet restart, with a watchdog of 5 s" martlet restart --config /etc/martlet/martlet.toml
sleep 12
check "a successor feeds the watchdog" shows NRestarts 0
there sh -c "kill -STOP $(show MainPID)"
check "a process that hangs is replaced" eventually has_restarted

there sh -c 'printf "[listen]\nhost = \"127.0.0.1\"\nport = 443\n" >> /etc/martlet/martlet.toml'
check "systemctl restart" there systemctl restart martlet
check "127.0.0.1:443 answers" eventually answers 443
check "systemctl stop" there systemctl stop martlet
check "it stopped as it should" shows Result success
configure martlet.socket '[Socket]\nListenStream=\nListenStream=127.0.0.1:443\n'
check "the socket unit" there systemctl start martlet.socket
check "127.0.0.1:443 answers while the service is away" eventually answers 443
check "the first client has started the service" eventually shows ActiveState active
check "purge" there dpkg --purge martlet
check "nothing runs any more" sh -c "! pgrep -f '^/usr/bin/martlet'"
echo "test-systemd: all well"
