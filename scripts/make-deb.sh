#!/usr/bin/env bash
# Makes the Debian package of a binary that is built already.
#   scripts/make-deb.sh [--binary FILE] [--version VERSION] [--output FOLDER]
# Without arguments: .build/release/martlet, its own version and .build/packages. SOURCE_DATE_EPOCH sets the date in it
# (default: that of the last commit), DEBFULLNAME and DEBEMAIL the maintainer.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=.build/release/martlet
version=
output=.build/packages
while [ $# -gt 0 ]; do
    case "$1" in
        --binary) binary=$2 ;;
        --version) version=$2 ;;
        --output) output=$2 ;;
        *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
    esac
    shift 2
done
[ -x "$binary" ] || { echo "make-deb: $binary is missing; build it first: make build" >&2; exit 1; }
[ -n "$version" ] || version=$("$binary" --version)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
maintainer="${DEBFULLNAME:-Martlet maintainers} <${DEBEMAIL:-martlet@packages.example.org}>"
architecture=$(dpkg --print-architecture)
revision=$version-1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
put() { install -D -m "$1" "$2" "$root/$3"; }

# The program, its manual and its completions.
install -D -m 0755 "$binary" "$root/usr/bin/martlet"
strip --strip-all --remove-section=.comment --remove-section=.note "$root/usr/bin/martlet"
scripts/make-completions.sh "$binary" "$work/completions"
sed -i '1{/^#!/d}' "$work/completions/martlet.bash"
put 0644 "$work/completions/martlet.bash" usr/share/bash-completion/completions/martlet
put 0644 "$work/completions/_martlet" usr/share/zsh/vendor-completions/_martlet
put 0644 "$work/completions/martlet.fish" usr/share/fish/vendor_completions.d/martlet.fish
"$binary" --experimental-dump-help | scripts/make-man.py "$version" > "$work/martlet.1"
put 0644 "$work/martlet.1" usr/share/man/man1/martlet.1
gzip -9n "$root/usr/share/man/man1/martlet.1"
# Under this name the program takes the options of Telegram's MTProxy.
ln -s martlet "$root/usr/bin/mtproto-proxy"
ln -s martlet.1.gz "$root/usr/share/man/man1/mtproto-proxy.1.gz"

# The service and its configuration.
put 0644 packaging/systemd/martlet.service lib/systemd/system/martlet.service
put 0644 packaging/systemd/martlet.socket lib/systemd/system/martlet.socket
put 0644 packaging/debian/martlet.toml etc/martlet/martlet.toml

# What the policy asks for, and the pages for operators.
documents=usr/share/doc/martlet
put 0644 packaging/debian/lintian-overrides usr/share/lintian/overrides/martlet
put 0644 packaging/debian/copyright "$documents/copyright"
put 0644 CHANGELOG.md "$documents/changelog"
printf 'martlet (%s) unstable; urgency=medium\n\n  * Version %s; what changed is in changelog.gz.\n\n -- %s  %s\n' \
    "$revision" "$version" "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" > "$root/$documents/changelog.Debian"
for page in docs/*.md; do put 0644 "$page" "$documents/$(basename "$page")"; done
for notice in .build/checkouts/*/NOTICE.txt; do
    printf '%s\n\n' "======== $(basename "$(dirname "$notice")")"
    cat "$notice"
done > "$root/$documents/NOTICE"
mkdir "$work/debian"
cp "$root/$documents/changelog.Debian" "$work/debian/changelog"
gzip -9n "$root/$documents"/{changelog,changelog.Debian,NOTICE}

# The package's own files.
install -d "$root/DEBIAN"
install -m 0755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
echo /etc/martlet/martlet.toml > "$root/DEBIAN/conffiles"
sed "s|@MAINTAINER@|$maintainer|" packaging/debian/control > "$work/debian/control"
(cd "$work" && dpkg-shlibdeps --warnings=1 -Tdebian/substvars "$root/usr/bin/martlet" \
    && dpkg-gencontrol -pmartlet -P"$root" -Tdebian/substvars -fdebian/files)
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's|^\./||' | sort | xargs md5sum > DEBIAN/md5sums)
chmod 0644 "$root"/DEBIAN/{control,md5sums,conffiles}

mkdir -p "$output"
package=$output/martlet_${revision}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
