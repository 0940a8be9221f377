#!/bin/sh
# headers.sh BUILD: every installed header compiles alone, as C99, C11, C17, C++11 and C++17, without a
# warning; the installed headers are the public ones of the rooms: all that are not called internal.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

meson install -C "$1" --no-rebuild --quiet --destdir "$scratch/root"
include=$(dirname "$(find "$scratch/root" -name cotangent.h)")

cd "$root"
find cotangent.h tensor autograd nn optim -maxdepth 1 -name '*.h' ! -name internal.h | sort >"$scratch/public"
(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | sort) >"$scratch/installed"
if ! diff "$scratch/public" "$scratch/installed"; then
    echo "the public headers (<) and the installed ones (>) differ"
    exit 1
fi

compile() { # HEADER LANGUAGE STANDARD COMPILER
    printf '#include "%s"\n#include "%s"\n' "$1" "$1" >"$scratch/alone.$2"
    "$4" -std="$3" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$include" "$scratch/alone.$2" ||
        { echo "$1 does not compile alone as $3"; exit 1; }
}

have_cpp=true
command -v "${CXX:-c++}" >/dev/null || have_cpp=false
while read -r header; do
    for standard in c99 c11 c17; do
        compile "$header" c "$standard" "${CC:-cc}"
    done
    $have_cpp || continue
    for standard in c++11 c++17; do
        compile "$header" cc "$standard" "${CXX:-c++}"
    done
done <"$scratch/installed"
$have_cpp || { echo "no C++ compiler: C only"; exit 77; }
