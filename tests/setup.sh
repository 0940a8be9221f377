# shellcheck shell=sh
# What the scripts that build have in common; sourced, not run. A script names what it needs (`need meson`),
# then `provide` installs what is missing: as root, or by sudo if it asks for no password; else it says what
# to install.

packages=

# Whether a thing works, tried rather than looked up.
works() {
    case $1 in
    c) printf '#include <pthread.h>\n#include <stdio.h>\n' | "${CC:-cc}" -fsyntax-only -x c - ;;
    c++) printf '#include <initializer_list>\n#include <cstdio>\n' | "${CXX:-c++}" -fsyntax-only -x c++ - ;;
    check) pkg-config --exists 'check >= 0.15.2' ;;
    python3) python3 -c 'import ctypes' ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

# The Debian packages that bring it.
packages_of() {
    case $1 in
    c) echo gcc libc6-dev ;;
    c++) echo g++ ;;
    ninja) echo ninja-build ;;
    pkg-config) echo pkgconf ;;
    nm) echo binutils ;;
    *) echo "$1" ;;
    esac
}

need() {
    for thing; do
        works "$thing" || packages="$packages $(packages_of "$thing")"
    done
}

# Runs a command; its output is shown, the last lines of it, only when it fails, and then the script ends.
quietly() {
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
    else
        status=$?
        tail -n 60 "$log" >&2
        rm -f "$log"
        echo "$0: failed: $*" >&2
        exit "$status"
    fi
}

# apt-get as root, waiting for a lock that another holds.
apt() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@"
    fi
}

# An image comes without package lists, or with old ones: they are fetched when the first try fails.
install_packages() {
    # shellcheck disable=SC2086 # a list of words
    apt install -y --no-install-recommends $packages ||
        { apt update && apt install -y --no-install-recommends $packages; }
}

provide() {
    [ -n "$packages" ] || return 0
    if command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
        echo "installing$packages" >&2
        quietly install_packages
    else
        echo "$0: missing; as root: apt-get install -y --no-install-recommends$packages" >&2
        exit 1
    fi
}

# build DIRECTORY OPTION...: configures the project, which lies in $root, unless it is configured there
# already, and compiles it.
build() {
    directory=$1
    shift
    [ -f "$directory/build.ninja" ] || quietly meson setup "$directory" "${root:?}" "$@"
    quietly ninja -C "$directory"
}
