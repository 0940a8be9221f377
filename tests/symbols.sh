#!/bin/sh
# symbols.sh BUILD: the shared library exports what the public headers declare, no more and no less; all of
# it stands in api-names.txt, and the parts that this version has are whole; the soname is versioned.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
library=$1/libcotangent.so
whole='core runtime tensor unary binary inplace reduce views join index losses autograd nn init optim'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0

cd "$root"
nm -D --defined-only "$library" | awk '{ print $NF }' | sort >"$scratch/exported"
for header in cotangent.h tensor/*.h autograd/*.h nn/*.h optim/*.h; do
    awk -f tests/strip.awk "$header"
done | tr '\n' ' ' | sed 's/CT_API/\n&/g' |
    sed -nE 's/^CT_API [^(;]*[ *](ct_[a-z0-9_]+)\(.*/\1/p' | sort >"$scratch/declared"
awk '!/^#/ { print $2 }' tests/api-names.txt | sort >"$scratch/listed"
for part in $whole; do
    awk -v part="$part" '$1 == part { print $2 }' tests/api-names.txt
done | sort >"$scratch/due"

# MESSAGE OPTION FILE FILE: what comm finds is a fault.
report() {
    found=$(comm "$2" "$3" "$4")
    [ -n "$found" ] || return 0
    printf '%s:\n%s\n' "$1" "$found"
    bad=1
}

[ -s "$scratch/declared" ] || { echo "no declarations found"; exit 1; }
report "exported, but not declared in a public header" -23 "$scratch/exported" "$scratch/declared"
report "declared, but not exported" -13 "$scratch/exported" "$scratch/declared"
report "exported, but not in tests/api-names.txt" -23 "$scratch/exported" "$scratch/listed"
report "missing from a part that should be whole" -13 "$scratch/exported" "$scratch/due"
if grep -v '^ct_' "$scratch/exported"; then
    echo "exported without the prefix ct_"
    bad=1
fi
soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
case $soname in
libcotangent.so.[0-9]*) ;;
*)
    echo "the soname is '$soname'"
    bad=1
    ;;
esac
exit $bad
