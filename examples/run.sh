#!/bin/sh
# examples/run.sh [NAME] [OPTIONS]: builds the library for speed in build/ and runs an example; without a name
# `classify`, the main job. Options go to the example, paths among them as seen from where you are.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=tests/setup.sh
. "$root/tests/setup.sh"

# The names of all examples: what they share has no main.
examples() {
    for source in "$root"/examples/*.c "$root"/examples/*.cc "$root"/examples/*.py; do
        grep -qs '^int main\|^import ' "$source" || continue
        source=${source##*/}
        source=${source%.c}
        printf ' %s' "${source%.cc}"
    done
}

name=classify
case ${1-} in
'' | -*) ;;
*)
    name=$1
    shift
    ;;
esac
case "$(examples) " in
*" $name "*) ;;
*)
    echo "examples/run.sh: no example '$name'; there are:$(examples)" >&2
    exit 1
    ;;
esac

need c meson ninja
[ "$name" != classify_cpp ] || need c++
[ "$name" != classify.py ] || need python3
provide

program=$root/build/examples/$name
build "$root/build" -Dbuildtype=release -Dtests=disabled -Dexamples=enabled
if [ "$name" = classify_cpp ] && [ ! -x "$program" ]; then
    quietly meson setup --reconfigure "$root/build" # the C++ compiler came after the first build
    quietly ninja -C "$root/build"
fi
if [ "$name" = classify.py ]; then
    COTANGENT_LIBRARY=$root/build/libcotangent.so
    export COTANGENT_LIBRARY
    exec python3 "$root/examples/$name" "$@"
fi
exec "$program" "$@"
