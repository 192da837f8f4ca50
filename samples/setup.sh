#!/bin/sh
# Installs what is missing from Debian (12 and later): sh samples/setup.sh [build|tests]
#   build   what hfprop is built with and runs on
#   tests   that, and what the tests use
# Says what it installs, asks nothing, and is quick when nothing is missing.
set -eu

packages='gcc libc6-dev meson ninja-build pkg-config libavformat-dev libavcodec-dev libavfilter-dev
libswscale-dev libavutil-dev libdnnl-dev libopenblas-openmp-dev libpng-dev zlib1g-dev libjansson-dev'
optional= # where the system has no such package, the tests that use it are skipped
case ${1:-build} in
build) ;;
tests) packages="$packages g++ libcriterion-dev ffmpeg python3 clang libclang-rt-dev"; optional=chromium-headless-shell ;;
*)
    echo "usage: sh samples/setup.sh [build|tests]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not Debian; install what these packages hold by hand:" $packages >&2
    exit 0
fi

is_installed() {
    [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]
}
missing=
for package in $packages $optional; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: as root, run: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "setup: installing from Debian:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
for package in $optional; do
    if ! is_installed "$package" && [ -z "$(apt-cache policy "$package" | sed -n 's/^ *Candidate: *//p' | grep -v none)" ]; then
        echo "setup: there is no $package here, going on without"
        missing=$(echo "$missing" | sed "s/ $package//")
    fi
done
[ -n "$missing" ] || exit 0
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "setup: done"
