#!/bin/sh
# speed.sh - frames a second from decode to encode at 854 x 480.
#
# Whole runs of the program, start and end included, on a 150-frame H.264 clip made from the
# sample clip. The plain decode + encode of the same clip with the ffmpeg program (libx264,
# same preset and crf) is timed in the same run, so that machines can be compared.
# usage: sh tests/bench/speed.sh [path of hfprop]      needs: ffmpeg, GNU time
set -eu
cd "$(dirname "$0")/../.."
hfprop=${1:-build/hfprop}
frames=150
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

ffmpeg -v error -stream_loop -1 -i samples/clip.mp4 -frames:v $frames -vf scale=854:480:flags=bicubic,setsar=1 \
    -c:v libx264 -preset veryfast -crf 18 "$dir/clip.mp4"

ffmpeg -v error -i samples/clip_mask.png -vf "format=rgb24,format=gray,lutyuv=y='if(gt(val,0),255,0)'" "$dir/one.png"

seconds() { # seconds COMMAND...: wall time of the median of three runs
    for run in 1 2 3; do
        /usr/bin/time -f %e "$@" 2> "$dir/time" > /dev/null || { cat "$dir/time" >&2; exit 1; }
        tail -n 1 "$dir/time"
    done | sort -n | sed -n 2p
}
row() { # row NAME COMMAND...
    name=$1
    shift
    s=$(seconds "$@")
    awk -v n="$name" -v s="$s" -v f=$frames 'BEGIN { printf "  %-44s %7.2f s  %6.1f frames/s\n", n, s, f / s }'
}
echo "$frames frames, 854x480, $(nproc) processors"
row "ffmpeg: decode, libx264 veryfast crf 18" ffmpeg -v error -y -i "$dir/clip.mp4" -c:v libx264 -preset veryfast -crf 18 "$dir/a.mp4"
set -- "$dir/clip.mp4" --mask-fit scale -y -q --progress none
row "hfprop, 1 object, overlay" "$hfprop" "$@" --mask "$dir/one.png" -o "$dir/b.mp4"
row "hfprop, 4 objects, overlay" "$hfprop" "$@" --mask samples/clip_mask.png -o "$dir/b.mp4"
row "hfprop, 1 object, edit" "$hfprop" "$@" --edit samples/clip_edit.png -o "$dir/b.mp4"
frames=20
row "hfprop --match first, 1 object (20 frames)" "$hfprop" "$@" --mask "$dir/one.png" --match first --to 19 -o "$dir/c.mp4"
