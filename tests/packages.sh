#!/bin/sh
# Installs what is missing of the Debian packages of the groups named (build, demo, test, check; tests/packages.txt lists
# them). Calls apt-get only when something is missing; on a system without dpkg it says what is wanted and goes on.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

wanted=$(for group in "$@"; do
    awk -v group="$group" '$1 == group { printf "%s ", $2 }' "$here/packages.txt"
done)
if ! command -v dpkg-query >/dev/null; then
    echo "no dpkg here; the equivalents of these packages are needed: $wanted" >&2
    exit 0
fi
missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "not root, and no sudo: install these packages first:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Stale package lists are the usual reason for a failed install: refresh them once, then try again.
install="apt-get install -y --no-install-recommends"
# shellcheck disable=SC2086 # lists of words
$as_root $install $missing || { $as_root apt-get update && $as_root $install $missing; }
