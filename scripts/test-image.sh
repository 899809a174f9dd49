#!/usr/bin/env bash
# Runs the files of the container image as a container would: no other file, read-only, its own account without rights,
# the first process, the Dockerfile's environment. Shows that the list in scripts/image-root.sh is complete; the
# Dockerfile itself needs Docker. Needs root.
#   scripts/test-image.sh [BINARY]      default: .build/release/martlet
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-.build/release/martlet}
source scripts/test-support.sh
test_alone test-image --net

ip link set lo up
scripts/image-root.sh "$binary" "$root"
echo "        $(find "$root" -type f | wc -l) files, $(du -sb "$root" | cut -f1) bytes:"
(cd "$root" && find . -type f -printf '        %9s  %P\n' | sort -k2)
mkdir "$work/state"
chown 65532:65532 "$work/state"
mount --bind "$root" "$root"
mount_system
mount --bind "$work/state" "$root/var/lib/martlet"
mount -o remount,bind,ro "$root"
# One line of the Dockerfile, so no word of it has a space.
read -ra environment < <(sed -n 's/^ENV //p' Dockerfile)
# As its own account, which has no rights and can gain none.
contained=(setpriv --no-new-privs env -C / -i "${environment[@]}" PATH=/usr/bin
    /usr/sbin/chroot --userspec=65532:65532 --groups=65532 "$root" /usr/bin/martlet)

# The first process of a process tree of its own, like in a container.
unshare --pid --fork --kill-child "${contained[@]}" run > "$work/log" 2>&1 &
outside=$!
answers() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/1443'; }
check "the program starts and 1443 answers" eventually answers
server=$(pgrep --parent "$outside")
no_rights() { grep -q '^CapEff:\s0*$' "/proc/$server/status" && grep -q '^Uid:\s65532\s' "/proc/$server/status"; }
check "it has no rights" no_rights
cannot_write() { ! touch "$root/usr/bin/new"; }
check "its files cannot be changed" cannot_write
check "martlet healthcheck" "${contained[@]}" healthcheck
check "a user is added" "${contained[@]}" users add anna
check "the state is kept in the volume" test -e "$work/state/martlet.db" -a -e "$work/state/secret"
kill -TERM "$server"
check "SIGTERM ends it with status 0" wait "$outside"
echo "test-image: all well"
