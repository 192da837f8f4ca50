#!/bin/sh
# pairs.sh [path of hfprop] - make samples/match.png and samples/warp.png, the pictures of the README.
#
# Frames 0 and 15 of the sample clip: points of their objects, and the map of colours laid over the objects of one in the
# shape of the other. The objects of frame 15 are those that hfprop itself carries there. Needs: ffmpeg
set -eu
cd "$(dirname "$0")/.."
hfprop=${1:-build/hfprop}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for n in 0 15; do
    ffmpeg -nostdin -v error -y -i samples/clip.mp4 -vf "select=eq(n\\,$n)" -frames:v 1 "$dir/$n.png"
done
"$hfprop" samples/clip.mp4 --mask samples/clip_mask.png --to 15 --masks "$dir/masks" -o none -q
points='45,35;88,45;60,92;66,60;190,35;170,60;205,85;265,40;285,20;305,42;205,142;240,130;262,148;283,128'
"$hfprop" match "$dir/0.png" "$dir/15.png" --points "$points" --mask-b "$dir/masks/00015.png" \
    -o "$dir/match.png"
"$hfprop" warp "$dir/0.png" "$dir/15.png" --mask-a samples/clip_mask.png --mask-b "$dir/masks/00015.png" \
    --render colormap --background b --panel -o "$dir/warp.png"

# One palette each keeps the files small.
for name in match warp; do
    ffmpeg -nostdin -v error -y -i "$dir/$name.png" -filter_complex "split[a][b];
        [a]palettegen=max_colors=200:reserve_transparent=0[palette]; [b][palette]paletteuse=dither=none" \
        -frames:v 1 -pred mixed -compression_level 100 "samples/$name.png"
done
