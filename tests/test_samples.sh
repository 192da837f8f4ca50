#!/bin/sh
# test_samples.sh - the sample programs on a clip that does not move: what was drawn comes back.
#     test_samples.sh propagate_edit propagate_mask track_points
set -e
edit=$1 mask=$2 track=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# 96 x 64 pixels of bytes that repeat nowhere near, three times the same frame; a box of object 7 and
# an overlay that is the box in opaque bytes of 200.
awk 'BEGIN { for (i = 0; i < 96 * 64; i++) { x = i % 96; y = int(i / 96);
    r = 40 + (int(x / 6) * 53 + int(y / 6) * 91) % 180; g = 40 + (int(x / 5) * 37 + int(y / 7) * 67) % 180;
    b = 40 + (x * y) % 180; printf "%c%c%c", r % 127 + 1, g % 127 + 1, b % 127 + 1 } }' > frame.rgb
cat frame.rgb frame.rgb frame.rgb > clip.rgb
{ printf 'P5 96 64 255\n'
  awk 'BEGIN { for (i = 0; i < 96 * 64; i++) { x = i % 96; y = int(i / 96);
      printf (x >= 30 && x < 60 && y >= 20 && y < 44) ? "7" : "0" } }' | tr '07' '\000\007'; } > first.pgm
tail -c 6144 first.pgm > ids
awk 'BEGIN { for (i = 0; i < 96 * 64; i++) { x = i % 96; y = int(i / 96);
    printf (x >= 30 && x < 60 && y >= 20 && y < 44) ? "XXXX" : "...." } }' | tr 'X.' '\310\000' > overlay.rgba

"$mask" 96 64 first.pgm < clip.rgb > out
cat ids ids ids | cmp - out || { echo "propagate_mask: the mask changed in a clip that does not"; exit 1; }

"$edit" 96 64 overlay.rgba < clip.rgb > out
head -c 18432 out > one
cmp -s frame.rgb one && { echo "propagate_edit: nothing was painted"; exit 1; }
cat one one one | cmp - out || { echo "propagate_edit: the edit changed in a clip that does not"; exit 1; }

head -c 64000000 /dev/zero > big.rgba
"$track" 96 64 40,30 50.5,35 < clip.rgb > out
printf '%s\n' '0 40.00 30.00 1.00 50.50 35.00 1.00' '1 40.00 30.00 1.00 50.50 35.00 1.00' \
    '2 40.00 30.00 1.00 50.50 35.00 1.00' | cmp - out || { cat out; exit 1; }

# Refusals: a status of its own and a reason, and no output.
refuse() {
    want=$1 text=$2
    shift 2
    status=0
    "$@" < clip.rgb > out 2> err || status=$?
    [ "$status" = "$want" ] && grep -q "$text" err && [ ! -s out ] ||
        { echo "$*: status $status, want $want, and: $(cat err)"; exit 1; }
}
refuse 2 usage "$mask" 96 64
refuse 1 'not a binary PGM' "$mask" 96 64 overlay.rgba
{ printf 'P5 96 64 255\n'; head -c 6144 /dev/zero; } > empty.pgm
refuse 1 'no object' "$mask" 96 64 empty.pgm
refuse 1 'width is 0' "$mask" 0 64 first.pgm
refuse 1 'not a file of 24576 bytes' "$edit" 96 64 first.pgm
refuse 1 'ends before its first frame' "$edit" 4000 4000 big.rgba
refuse 2 usage "$track" 96 64 nowhere
