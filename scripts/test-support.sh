# For the scripts test-deb, test-systemd and test-image, which source it.
#   test_alone NAME UNSHARE_OPTIONS…   runs the script again as root of its own mounts and processes, which end with it
#   check WORDS COMMAND…               says that something is well, or ends the test
# shellcheck shell=bash disable=SC2154

cache=${MARTLET_TEST_CACHE:-/tmp/martlet-test-deb}
suite=${SUITE:-bookworm}
work=${MARTLET_TEST_WORK:-}
root=$work/root

test_alone() {
    local name=$1
    shift
    [ -z "$work" ] || return 0
    [ "$(id -u)" -eq 0 ] || { echo "$name: this needs root, for mounts and a network of its own" >&2; exit 1; }
    [ -x "$binary" ] || { echo "$name: $binary is missing; build it first: make build" >&2; exit 1; }
    scripts/install-tools.sh "$name"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/run.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    MARTLET_TEST_WORK=$work unshare --mount --pid --mount-proc --fork --kill-child "$@" "scripts/$name.sh" "$binary"
    exit
}

# A test may define `explain` to show more than its log.
explain() { [ ! -s "$work/log" ] || tail -n 30 "$work/log"; }
fail() { echo "FAILED  $*" >&2; explain >&2 || true; exit 1; }
check() {
    local words=$1
    shift
    "$@" > "$work/output" 2>&1 || { cat "$work/output" >&2; fail "$words: $*"; }
    echo "ok      $words"
}
is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }; }
# Patient: the machine may be busy with other things.
eventually() { for _ in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.2; done; "$@"; }

make_base() {
    local mirror
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
    echo "        making a Debian $suite (once)"
    debootstrap --variant=minbase "$suite" "$work/base" "$mirror" > "$work/debootstrap.log" \
        || { tail "$work/debootstrap.log" >&2; fail "debootstrap"; }
    tar -C "$work/base" -cf "$cache/$suite.tar.new" .
    mv "$cache/$suite.tar.new" "$cache/$suite.tar"
    rm -rf "$work/base"
}

# A fresh Debian in $root. What apt fetches for it is kept for the next run.
unpack_debian() {
    [ -e "$cache/$suite.tar" ] || make_base
    mkdir "$root"
    tar -C "$root" -xf "$cache/$suite.tar"
    mkdir -p "$cache/archives" "$cache/lists"
    mount --bind "$cache/archives" "$root/var/cache/apt/archives"
    mount --bind "$cache/lists" "$root/var/lib/apt/lists"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    [ -n "$(find "$cache/lists" -name '*Packages*' -mtime -1 -print -quit)" ] || apt update
}
mount_system() {
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for device in null zero full random urandom; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
apt() { inside apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }

# Connects to port 1443 of a process's network again and again until the file appears; fails if it was ever refused.
watch_port() {
    nsenter --target "$1" --net python3 - "$2" <<'PYTHON'
import os, socket, sys, time
tries = refused = 0
while not os.path.exists(sys.argv[1]):
    tries += 1
    try:
        socket.create_connection(("127.0.0.1", 1443), timeout=20).close()
    except OSError as error:
        refused += 1
        print(f"        connection {tries}: {error}")
    time.sleep(0.02)
print(f"        {tries} connections meanwhile, {refused} refused")
sys.exit(refused > 0)
PYTHON
}
