#!/bin/sh
# Installs a build, moves the installed tree elsewhere, and uses it from C and C++ by pkg-config (shared and static) and by
# find_package; then the build tree by find_package, and the source by add_subdirectory: test_install.sh BUILD_DIR.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
cxx=${CXX:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install: $*" >&2
    exit 1
}

# Packagers install under DESTDIR: all of it must land there.
DESTDIR=$work/stage cmake --install "$build" --prefix /usr >/dev/null
[ -z "$(find "$work/stage" -mindepth 1 -maxdepth 1 ! -name usr)" ] || fail "DESTDIR holds more than /usr"
[ -f "$work/stage/usr/include/avsound/avsound.h" ] || fail "no headers under DESTDIR"

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
prefix=$work/moved
for header in "$here"/../../include/avsound/*.h; do
    cmp "$header" "$prefix/include/avsound/${header##*/}" || fail "${header##*/} is not the source's"
done
pc=$(find "$prefix" -name avsound.pc)
library=$(find "$prefix" -name libavsound.so)
libdir=$(dirname "$library")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
export LD_LIBRARY_PATH="$libdir"
soversion=$(sed -n 's/^#define AVSOUND_SOVERSION //p' "$here/../../include/avsound/version.h")
[ -e "$libdir/libavsound.so.$soversion" ] || fail "no libavsound.so.$soversion"
readelf -d "$library" | grep -q "SONAME.*\[libavsound.so.$soversion\]" || fail "wrong soname"

[ -f "$(pkg-config --variable=modelsdir avsound)/avol-s.safetensors" ] || fail "avsound.pc does not know where the models are"
case $(pkg-config --libs avsound) in
*dnnl* | *avcodec* | *jansson* | *sqlite*) fail "avsound.pc shows third-party libraries to shared users: $(pkg-config --libs avsound)" ;;
esac
cflags=$(pkg-config --cflags avsound)
shared=$(pkg-config --libs avsound)
static=$(pkg-config --static --libs avsound | sed 's/-lavsound/-l:libavsound.a/')
cp "$here/consumer/consumer.c" "$work/consumer.cpp"
for link in shared static; do
    flags=$shared
    [ $link = shared ] || flags=$static
    # shellcheck disable=SC2086 # lists of words
    "$cc" -std=c11 -Wall -Wextra -Werror $cflags "$here/consumer/consumer.c" -o "$work/c-$link" $flags
    # shellcheck disable=SC2086
    "$cxx" -std=c++11 -Wall -Wextra -Werror $cflags "$work/consumer.cpp" -o "$work/cpp-$link" $flags
    "$work/c-$link"
    "$work/cpp-$link"
done
# The examples are what newcomers copy: they must build against an installed avsound just as they stand, and run with what is
# installed beside it.
mkdir "$work/examples"
for example in "$here"/../../examples/*.c "$here"/../../examples/*.cpp; do
    [ -e "$example" ] || continue
    compiler=$cc
    others=
    case $example in
    *.cpp) compiler=$cxx ;;
    */avframe.c) others=$(PKG_CONFIG_PATH='' pkg-config --cflags --libs libavformat libavcodec libavutil) ;;
    esac
    name=$(basename "${example%.*}")
    # shellcheck disable=SC2086
    "$compiler" -Wall -Wextra -Werror $cflags "$example" -o "$work/examples/$name" $shared $others
done
code=0
sh "$here/run_examples.sh" "$work/examples" || code=$?
[ $code -eq 0 ] || [ $code -eq 77 ] || fail "an example fails"
readelf -d "$work/c-shared" | grep -q "NEEDED.*\[libavsound.so.$soversion\]" || fail "not linked to the shared library"
if readelf -d "$work/c-static" | grep -q 'NEEDED.*libavsound'; then
    fail "the static program needs the shared library"
fi

train=$(pkg-config --cflags --libs avsound_train)
# shellcheck disable=SC2086
"$cc" -std=c11 -Wall -Wextra -Werror -DCONSUMER_TRAINS "$here/consumer/consumer.c" -o "$work/c-train" $train
"$work/c-train"

unset LD_LIBRARY_PATH PKG_CONFIG_PATH

# The consumer as a CMake project of its own: consume NAME OPTION...
consume() {
    name=$1
    shift
    sh "$here/like_build.sh" "$build" -S "$here/consumer" -B "$work/$name" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_CXX_COMPILER="$cxx" "$@" >"$work/log" || fail "$name: $(cat "$work/log")"
    cmake --build "$work/$name" -j 2 >"$work/log" || fail "$name: $(cat "$work/log")"
    for program in consumer_c consumer_cpp consumer_train_c consumer_train_cpp; do
        "$work/$name/$program"
    done
}
consume installed -DCMAKE_PREFIX_PATH="$prefix"
consume build-tree -Davsound_DIR="$build"
consume subdirectory -DAVSOUND_SOURCE="$(cd "$here/../.." && pwd)"

# The command is installed where it was built; it must find its library without help.
if [ -x "$prefix/bin/avsound" ]; then
    LD_LIBRARY_PATH=$libdir "$prefix/bin/avsound" --version
fi
