#!/bin/sh
# davis.sh - J and F of the whole program on the DAVIS sequences at hand.
#
# Every sequence of ImageSets/2016/train.txt: first mask given, `hfprop` with default settings
# plus the options given, masks written as PNG, scored by `hfprop eval` over frames 2 to n-1.
# usage: sh tests/bench/davis.sh [--hfprop PATH] [--davis DIR] [hfprop options ...]
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
while read -r name; do
    name=$(basename "$(dirname "${name%% *}/x")") # a name, or a path of a frame
    "$hfprop" "$davis/JPEGImages/480p/$name" --mask "$davis/Annotations/480p/$name/00000.png" \
        --masks "$dir/$name" -o none -y -q --progress none "$@" 2>> "$dir/warnings" || { cat "$dir/warnings" >&2; exit 1; }
    rm -f "$dir/$name/hfprop.json"
done < "$davis/ImageSets/2016/train.txt"
echo "hfprop default settings${*:+ with $*}"
"$hfprop" eval "$dir" --davis "$davis" --year 2016 --split train
