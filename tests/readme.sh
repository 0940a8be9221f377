#!/bin/sh
# readme.sh BUILD: every code block of README.md works. C and C++ blocks with a main are compiled, linked
# and run, others compiled; Python blocks are run; meson blocks build the program before them; lines of sh
# blocks are run, but for the project's own commands, of which only the names are checked: they run this
# test.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
ln -s "$root/README.md" README.md

LD_LIBRARY_PATH=$build
COTANGENT_LIBRARY=$build/libcotangent.so
PKG_CONFIG_PATH=$build/meson-uninstalled
export LD_LIBRARY_PATH COTANGENT_LIBRARY PKG_CONFIG_PATH

# Writes block number N, which begins at line L, to N.LANGUAGE, and "N LANGUAGE L" to the list.
awk '
    /^```(c|cpp|python|sh|meson)$/ { language = substr($0, 4); n++; print n, language, NR; next }
    /^```/ { language = ""; next }
    language { print > (n "." language) }' README.md >blocks
[ -s blocks ] || { echo "README.md has no code blocks"; exit 1; }

# Runs a command of the block; its output is shown when it fails.
try() {
    "$@" >log 2>&1 && return
    cat log
    echo "README.md:$line: failed: $*"
    exit 1
}

# The C and C++ program of the blocks, under the file names that a text mentions.
provide_sources() {
    for word in $(tr -s " ()[]',=" '\n' <"$1" | grep -E '^[A-Za-z0-9_]+\.(c|cpp)$'); do
        [ -f "$word" ] || cp "program.${word##*.}" "$word"
    done
}

compile() { # SOURCE COMPILER STANDARD
    if grep -q 'int main' "$1"; then
        cp "$1" "program.${1##*.}"
        try "$2" -std="$3" -Wall -Wextra -Werror -I"$root" "$1" -o program -L"$build" -lcotangent -lm
        try ./program
    else
        try "$2" -std="$3" -Wall -Wextra -Werror -I"$root" -c "$1" -o block.o
    fi
}

example_exists() { # NAME
    for file in "$root/examples/$1" "$root/examples/$1.c" "$root/examples/$1.cc"; do
        [ ! -f "$file" ] || return 0
    done
    return 1
}

run_line() {
    case $1 in
    '' | '#'*) ;;
    examples/run.sh* | tests/run.sh* | tests/bench/compare.py* | .ci/run*)
        # shellcheck disable=SC2086 # a command line
        set -- $1
        try test -x "$root/$1"
        case $1:${2-} in
        examples/run.sh:[a-z]*) try example_exists "$2" ;;
        esac
        ;;
    'meson setup '* | 'meson compile '* | 'meson install '*) ;; # tests/install.sh does
    *)
        echo "$1" >line
        provide_sources line
        try sh -ec "$1"
        ;;
    esac
}

build_with_meson() {
    rm -rf user
    mkdir user
    provide_sources "$1"
    cp ./program.* user/
    cp "$1" user/meson.build
    try meson setup user/build user
    try ninja -C user/build
}

while read -r number language line; do
    block=$number.$language
    case $language in
    c) compile "$block" "${CC:-cc}" c11 ;;
    cpp) compile "$block" "${CXX:-c++}" c++17 ;;
    python) try python3 "$block" ;;
    meson) build_with_meson "$block" ;;
    sh)
        while read -r command; do
            run_line "${command%% #*}"
        done <"$block"
        ;;
    esac
done <blocks
