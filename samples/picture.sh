#!/bin/sh
# picture.sh [path of hfprop] - make samples/picture.png, the picture of the README.
#
# Rows: the frame, the carried masks, the carried edit. Columns: frames 0, 20, 40 and 59 of the
# sample clip; both drawings were made on frame 0. Needs: ffmpeg
set -eu
cd "$(dirname "$0")/.."
hfprop=${1:-build/hfprop}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$hfprop" samples/clip.mp4 --mask samples/clip_mask.png -o "$dir/mask.mkv" --render overlay --codec ffv1 -y -q
"$hfprop" samples/clip.mp4 --mask samples/clip_mask.png --edit samples/clip_edit.png -o "$dir/edit.mkv" --render edit --codec ffv1 -y -q

# Four frames of each, 320x180, side by side; then the three rows and one palette for all.
pick="select=eq(n\,0)+eq(n\,20)+eq(n\,40)+eq(n\,59),scale=320:180:flags=area,setsar=1,tile=4x1"
ffmpeg -nostdin -v error -y -i samples/clip.mp4 -i "$dir/mask.mkv" -i "$dir/edit.mkv" -filter_complex "
    [0:v]${pick}[frame]; [1:v]${pick}[mask]; [2:v]${pick}[edit];
    [frame][mask][edit]vstack=3,format=rgb24,split[a][b];
    [a]palettegen=max_colors=160:reserve_transparent=0[palette];
    [b][palette]paletteuse=dither=none" -frames:v 1 -pred mixed -compression_level 100 "$dir/picture.png"
mv "$dir/picture.png" samples/picture.png
