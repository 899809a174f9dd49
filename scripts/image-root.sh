#!/usr/bin/env bash
# Gathers all files of the container image: the program, the libraries it needs, certificates, names, and nothing else.
#   scripts/image-root.sh BINARY FOLDER
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 64; }
binary=$1
root=$2
# The account that the Dockerfile names.
account=65532

install -D -m 0755 "$binary" "$root/usr/bin/martlet"
strip --strip-all "$root/usr/bin/martlet"
# Each library at its own path, links followed; the loader is among them. The kernel's vdso has no path.
ldd "$root/usr/bin/martlet" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 0755 "$library" "$root$library"
done

# The only place where certificates are looked for on Debian's kind of systems.
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0::/:/sbin/nologin\nmartlet:x:%s:%s::/var/lib/martlet:/sbin/nologin\n' $account $account > "$root/etc/passwd"
printf 'root:x:0:\nmartlet:x:%s:\n' $account > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
install -d -m 1777 "$root/tmp"
install -d -m 0700 -o $account -g $account "$root/var/lib/martlet"
# Where a read-only image gets what the machine mounts.
install -d "$root/proc" "$root/dev" "$root/sys"
