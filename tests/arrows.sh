#!/bin/sh
# Includes and names only go down: tensor <- autograd <- nn, optim <- examples. Exits with 1, naming file
# and line, where a room includes a header of a room that it may not use, or names something that such a
# room declares.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0

sources_of() { find "$1" -name '*.[ch]' -o -name '*.cc'; }

# The functions, types, enumerators and macros that a room's headers declare.
names_of() {
    find "$1" -name '*.h' | while read -r header; do
        awk -f tests/strip.awk "$header" | sed -nE '
            s/__attribute__ *\(\(.*\)\)//
            /^[A-Za-z].*\(/s/^[^(]*[ *]([A-Za-z_][A-Za-z0-9_]*)\(.*/\1/p
            s/^\} *([A-Za-z_][A-Za-z0-9_]*);.*/\1/p
            s/^typedef struct [A-Za-z_][A-Za-z0-9_]* ([A-Za-z_][A-Za-z0-9_]*);.*/\1/p
            s/^#define (CT_[A-Z0-9_]+).*/\1/p
            s/^ +(CT_[A-Z0-9_]+)( =.*|,.*)?$/\1/p'
    done | sort -u
}

# The types that a room makes for itself, whose names another may use too.
own_types() {
    sources_of "$1" | while read -r file; do
        sed -nE 's/^\} *([A-Za-z_][A-Za-z0-9_]*);.*/\1/p' "$file"
    done
}

# ROOM OTHER...: the room uses none of the others.
forbid() {
    room=$1
    shift
    own_types "$room" >"$scratch/own"
    for other; do
        names_of "$other" | grep -vxFf "$scratch/own" >"$scratch/names"
        [ -s "$scratch/names" ] || { echo "no names found in $other/"; exit 1; }
        for file in $(sources_of "$room"); do
            if grep -nE "#include *[<\"](\.\./)*$other/" "$file" /dev/null; then
                echo "  $room/ may not include headers of $other/"
                bad=1
            fi
            awk -f tests/strip.awk "$file" | grep -nwFf "$scratch/names" >"$scratch/found" || continue
            sed "s,^,$file:," "$scratch/found"
            echo "  $room/ may not use what $other/ declares"
            bad=1
        done
    done
}

forbid tensor autograd nn optim
forbid autograd nn optim
forbid nn optim
forbid optim nn

# Beside the system's headers an example sees <cotangent.h>, and files of its own room.
for file in $(sources_of examples); do
    grep -nE '#include *("|<(cotangent/|tensor/|autograd/|nn/|optim/))' "$file" /dev/null >"$scratch/found" || continue
    while read -r line; do
        header=$(echo "$line" | sed 's/.*#include *["<]//; s/[">].*//')
        case $header in
        */*) ;;
        *) [ ! -f "examples/$header" ] || continue ;;
        esac
        echo "$line"
        echo "  an example includes <cotangent.h>, and no other header of the project"
        bad=1
    done <"$scratch/found"
done
exit $bad
