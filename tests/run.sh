#!/bin/sh
# Builds the library in build-test/ with warnings as errors and assertions, and runs every test. The last
# line is Check's, over all checks; its exit status is the script's.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=tests/setup.sh
. "$root/tests/setup.sh"

need c c++ meson ninja pkg-config check python3 nm
provide

echo "building in build-test" >&2
build "$root/build-test" -Dtests=enabled -Dexamples=enabled -Dwerror=true -Dbuildtype=debugoptimized \
    -Db_ndebug=false
echo "testing headers, symbols, linking, examples, README" >&2
quietly meson test -C "$root/build-test" --no-suite unit --no-rebuild --print-errorlogs
exec "$root/build-test/tests/unit-tests"
