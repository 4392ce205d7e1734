#!/bin/sh
# Makes the Debian packages with cpack, looks at them with lintian, installs them and uses them: test_packages.sh BUILD_DIR.
# Installs for good into a throw-away view of this system where mount lets it (as root), else unpacks into an empty folder.
# Exits 77 (skipped) without the tools of Debian.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
for tool in cpack dpkg-deb dpkg-shlibdeps lintian file; do
    command -v $tool >/dev/null || {
        echo "skipped: needs $tool (packages cmake, dpkg-dev, lintian, file)"
        exit 77
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "packages: $*" >&2
    exit 1
}

# A build of its own, for packages hold what was configured for /usr; ccache, where it is in use, has most of it.
sh "$here/like_build.sh" "$build" -S "$source" -B "$build/packages" -DCMAKE_INSTALL_PREFIX=/usr -DAVSOUND_TESTS=OFF \
    -DCMAKE_C_COMPILER="${CC:-cc}" >"$work/log" || fail "$(cat "$work/log")"
cmake --build "$build/packages" -j 2 >"$work/log" || fail "$(cat "$work/log")"
rm -f "$build"/packages/*.deb
(cd "$build/packages" && cpack -G DEB) >"$work/log" 2>&1 || fail "$(cat "$work/log")"
mkdir "$work/debs"
mv "$build"/packages/*.deb "$work/debs"
names=$(for deb in "$work"/debs/*.deb; do dpkg-deb -f "$deb" Package; done | tr '\n' ' ')
[ "$names" = "avsound-models avsound-tools libavsound-dev libavsound0 python3-avsound " ] || fail "there are: $names"

as_root=
[ "$(id -u)" -ne 0 ] || as_root=--allow-root
# shellcheck disable=SC2086 # perhaps no word at all
lintian $as_root --fail-on error,warning --tag-display-limit 0 "$work"/debs/*.deb || fail "lintian finds faults"
dpkg-deb -f "$work"/debs/libavsound0_*.deb Depends | grep -q 'libavformat.*libdnnl' || fail "libavsound0 lacks dependencies"
for deb in "$work"/debs/avsound-tools_*.deb "$work"/debs/libavsound-dev_*.deb "$work"/debs/python3-avsound_*.deb; do
    dpkg-deb -f "$deb" Depends | grep -q 'libavsound0 (' || fail "$(basename "$deb") does not depend on libavsound0"
done
dpkg-deb -c "$work"/debs/libavsound-dev_*.deb >"$work/held"
for file in docs/errors.md docs/tour.md examples/localize.c; do
    grep -q "/usr/share/doc/libavsound-dev/$file$" "$work/held" || fail "libavsound-dev lacks $file"
done

cp "$source/examples/localize.c" "$here/use_packages.sh" "$work"
if [ "$(id -u)" -eq 0 ] && unshare -m sh "$here/install_packages.sh" "$work" 2>"$work/why"; then
    echo "packages: installed by dpkg, used and removed"
    exit 0
fi
[ ! -e "$work/mounted" ] || fail "$(cat "$work/why")"
echo "packages: no view of this system can be mounted here; unpacked instead"
for deb in "$work"/debs/*.deb; do
    dpkg-deb -x "$deb" "$work/root"
done
sh "$work/use_packages.sh" "$work" "$work/root"
