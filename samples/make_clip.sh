#!/bin/sh
# Makes samples/clip.mp4, clip_mask.png and clip_edit.png again with build/samples/make_clip and ffmpeg.
# The tone gives the clip an audio stream, so that the demo can show that it is kept.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/samples/make_clip "$work"
ffmpeg -v error -y -framerate 24 -i "$work/frames/%05d.png" -f lavfi -i 'sine=frequency=330:duration=2.5' \
    -vf 'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p' -af 'volume=0.2' \
    -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv \
    -c:v libx264 -preset veryslow -crf 19 -c:a aac -b:a 32k -movflags +faststart -bitexact samples/clip.mp4
cp "$work/masks/00000.png" samples/clip_mask.png
cp "$work/edits/00000.png" samples/clip_edit.png
ls -l samples/clip.mp4 samples/clip_mask.png samples/clip_edit.png
