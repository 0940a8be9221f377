#!/bin/sh
# install.sh BUILD: an installed library is found by pkg-config and links, shared and static, from C and
# C++; the source tree works as a meson subproject.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

meson install -C "$1" --no-rebuild --quiet --destdir "$scratch/root"
PKG_CONFIG_SYSROOT_DIR=$scratch/root
PKG_CONFIG_PATH=$(dirname "$(find "$scratch/root" -name cotangent.pc)")
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH

cat >program.c <<'END'
#include <cotangent.h>
#include <stdio.h>

int main(void) {
    ct_set_error_handler(ct_error_abort, NULL);
    ct_tensor *x = ct_set_requires_grad(ct_full(CT_F64, CT_DIMS(3), 2), true);
    ct_backward(ct_sum(ct_square(x)));
    printf("%s %g\n", ct_version(), ct_item(ct_sum(ct_grad(x))));
    return 0;
}
END
cp program.c program.cc
expected="$(pkg-config --modversion cotangent) 12"

# DESCRIPTION COMMAND...: runs it and looks at what it prints.
expect() {
    what=$1
    shift
    printed=$("$@") || printed="failure: $printed"
    [ "$printed" = "$expected" ] || { echo "$what: prints '$printed', not '$expected'"; exit 1; }
}

cflags=$(pkg-config --cflags cotangent)
libraries=$(pkg-config --libs cotangent)
static_libraries=$(pkg-config --static --libs cotangent)
LD_LIBRARY_PATH=$(dirname "$(find "$scratch/root" -name libcotangent.so)")

# shellcheck disable=SC2086 # lists of options
{
    "${CC:-cc}" program.c $cflags $libraries -o shared
    "${CC:-cc}" -static program.c $cflags $static_libraries -o static
    ! command -v "${CXX:-c++}" >/dev/null || "${CXX:-c++}" program.cc $cflags $libraries -o shared-cpp
}
expect "shared" env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" ./shared
expect "static" ./static
[ ! -x shared-cpp ] || expect "shared, from C++" env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" ./shared-cpp

mkdir -p user/subprojects
ln -s "$root" user/subprojects/cotangent
cp program.c user/
cat >user/meson.build <<'END'
project('user', 'c', default_options: ['default_library=static', 'optimization=0'])
executable('program', 'program.c', dependencies: dependency('cotangent', fallback: 'cotangent'))
END
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
{ meson setup user/build user --wrap-mode=forcefallback && ninja -C user/build program; } >log 2>&1 ||
    { tail -n 40 log; echo "as a subproject: does not build"; exit 1; }
expect "as a subproject" user/build/program
