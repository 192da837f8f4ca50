#!/bin/sh
# memory.sh - does the peak grow with the length of the video?
#
# Propagates a mask through the first 100 and then through all 1000 frames of a
# 854 x 480 clip (the sample clip, scaled and repeated) and prints both peaks.
# usage: sh tests/bench/memory.sh [path of hfprop]      needs: ffmpeg, GNU time
set -eu
cd "$(dirname "$0")/../.."
hfprop=${1:-build/hfprop}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

ffmpeg -v error -stream_loop -1 -i samples/clip.mp4 -frames:v 1000 -vf scale=854:480:flags=bicubic,setsar=1 \
    -c:v libx264 -preset veryfast -crf 18 "$dir/long.mp4"

peak() { # peak FRAMES: kilobytes of resident memory
    /usr/bin/time -f %M "$hfprop" "$dir/long.mp4" --mask samples/clip_mask.png --mask-fit scale \
        --to "$(($1 - 1))" -o "$dir/out.mp4" -y -q --progress none 2> "$dir/time" || { cat "$dir/time" >&2; exit 1; }
    tail -n 1 "$dir/time"
}
short=$(peak 100)
long=$(peak 1000)
echo "peak resident memory, 854x480, default model and settings"
awk -v a="$short" -v b="$long" 'BEGIN {
    printf "  100 frames: %.1f MB\n 1000 frames: %.1f MB\n ratio: %.3f (want <= 1.05), limit 400 MB\n", a / 1024, b / 1024, b / a
    exit !(b / a <= 1.05 && b / 1024 < 400)
}'
