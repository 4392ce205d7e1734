#!/bin/sh
# Installs the packages in WORK_DIR/debs with dpkg, uses them, and removes them again, all in a view of this system that
# keeps what is written apart: unshare -m install_packages.sh WORK_DIR. Leaves WORK_DIR/mounted if it came so far.
set -eu
work=$1
view=$work/view
mkdir -p "$view" "$work/above"
mount --make-rprivate /
# An overlay's upper folder may not be an overlay itself, as a container's root is.
mount -t tmpfs tmpfs "$work/above"
mkdir "$work/above/upper" "$work/above/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/above/upper,workdir=$work/above/work" "$view"
mount -t proc proc "$view/proc" || mount --bind /proc "$view/proc"
mount --bind /dev "$view/dev"
mkdir -p "$view$work"
mount --bind "$work" "$view$work"
: >"$work/mounted"

inside() {
    chroot "$view" env -u LD_LIBRARY_PATH -u AVSOUND_LIBRARY -u AVSOUND_MODEL_PATH "$@"
}
inside sh -c "dpkg -i '$work'/debs/*.deb" >"$work/dpkg.log" 2>&1 || {
    cat "$work/dpkg.log" >&2
    exit 1
}
inside sh "$work/use_packages.sh" "$work" "" >&2
inside dpkg -r avsound-tools avsound-models python3-avsound libavsound-dev libavsound0 >"$work/dpkg.log" 2>&1
left=$(inside find /usr/lib /usr/share /usr/include -path '*avsound*' | grep -v '/var/' || true)
[ -z "$left" ] || {
    echo "dpkg -r leaves $left" >&2
    exit 1
}
