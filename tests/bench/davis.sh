#!/bin/sh
# davis.sh - J and F of the whole program on the DAVIS sequences at hand.
#
# `hfprop davis` on ImageSets/2016/train.txt with default settings plus the options given: table, then the time it took.
# Results are removed at the end; with -o they stay, and a second call does what was left.
# usage: sh tests/bench/davis.sh [--hfprop PATH] [--davis DIR] [options of hfprop davis ...]
set -eu
cd "$(dirname "$0")/../.."
hfprop=build/hfprop
davis=../shared/data/davis
while [ $# -gt 0 ]; do
    case $1 in
    --hfprop) hfprop=$2; shift 2 ;;
    --davis) davis=$2; shift 2 ;;
    *) break ;;
    esac
done
if [ ! -d "$davis/JPEGImages" ]; then
    echo "davis.sh: no DAVIS tree at $davis, want --davis DIR" >&2
    exit 2
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
start=$(date +%s)
echo "hfprop default settings${*:+ with $*}"
"$hfprop" davis "$davis" --year 2016 --split train -o "$dir/results" --progress lines "$@"
echo "$(($(date +%s) - start)) s"
