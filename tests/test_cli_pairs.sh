# test_cli_pairs.sh HFPROP - match, warp, pck and --flow on small images, and what they refuse.
#
#   good 'piece of the standard output' arguments...
script=$(readlink -f "$0")
. "$(dirname "$0")/cli_fixture.sh"

good() {
    text=$1
    shift
    if ! "$hfprop" "$@" >stdout.txt 2>stderr.txt </dev/null; then
        fail "hfprop $*: $(head -c 2000 stderr.txt)"
    elif [ -n "$text" ] && ! grep -qF -e "$text" stdout.txt; then
        fail "prints \"$(head -c 2000 stdout.txt)\", want \"$text\": hfprop $*"
    elif find . -name '*.part' | grep -q .; then
        fail "left $(find . -name '*.part'): hfprop $*"
    else
        pass
    fi
}

pixels() { ffmpeg -nostdin -v error -i "$1" -f rawvideo -pix_fmt rgb24 -; }
size_of() { ffprobe -v error -show_entries stream=width,height -of csv=p=0 "$1"; }

make -i "$(scene_of 2)" -frames:v 1 -pix_fmt rgb24 a.png
make -i "$(scene_of 2)" -frames:v 1 -pix_fmt yuvj420p b.jpg
make -i "$(scene_of 1)" -frames:v 1 -pix_fmt rgb24 small.png
mask mask.png 0 2
make -i nullsrc=s=128x96,format=gray,geq=lum=0 -frames:v 1 black.jpg
make -i color=white:s=64x96 -frames:v 1 -pix_fmt yuvj420p narrow.jpg
printf 'not a picture\n' >text.png
mkdir pictures features
cp a.png b.jpg pictures
cp a.png pictures/turned.png

# ---- match ----

good '40.00     30.00      40.00     30.00      1.0000' match a.png a.png --points '40,30;100,80' --size 96
good '"apart_px"' match a.png b.jpg --json --count 3
for how in mutual cyclic buddies; do
    good 'similarity  margin' match a.png b.jpg --select $how --count 4 --mask-a mask.png
    check "$how gives 4 pairs" [ "$(wc -l <stdout.txt)" = 5 ]
done
good 'similarity  margin' match a.png small.png --level pixels --count 4 -o pairs.png
check 'the picture holds both images, doubled' [ "$(size_of pairs.png)" = $((256 + 8 + 128)),192 ]
bad 2 'pairs.png: exists already; -y overwrites' match a.png b.jpg -o pairs.png
good '' match a.png b.jpg -o pairs.png -y

# An image against itself does not move at all.
good '' match a.png a.png --points 5,5 --field still.flo
check 'the field has its size' [ "$(wc -c <still.flo)" = $((12 + 128 * 96 * 8)) ]
check 'nothing moves' [ "$(tail -c +13 still.flo | tr -d '\000' | wc -c)" = 0 ]
good '' match a.png small.png --points 5,5 --field far.npy --mask-a mask.png

printf '40 30\n100 80 # the second\n' >points.txt
good '100.00     80.00     100.00     80.00' match a.png a.png --points points.txt --size 96
printf '[[40, 30]]' >points.json
good '40.00     30.00      40.00     30.00' match a.png a.png --points points.json --size 96

bad 2 'two images are needed' match a.png
bad 2 'no more than 2 files' match a.png b.jpg small.png
bad 3 'none.png' match none.png a.png
bad 3 'text.png' match a.png text.png
bad 2 'neither x,y;x,y' match a.png b.jpg --points 3
bad 2 'point 2 (128,5) is not in a.png, which has 128x96 pixels' match a.png b.jpg --points '5,5;128,5'
printf '5 5\n7\n' >broken.txt
bad 3 'broken.txt: line 2' match a.png b.jpg --points broken.txt
bad 2 'want the name of a .png' match a.png b.jpg -o out.jpg
bad 2 'want the name of a .flo or .npy' match a.png b.jpg --field out.png
bad 2 'is an input of this run' match a.png b.jpg -o a.png -y
bad 3 'nothing in it is brighter than half' match a.png b.jpg --mask-b black.jpg
bad 3 'narrow.jpg' match a.png b.jpg --mask-a narrow.jpg
bad 4 'model "nothing" is not known' match a.png b.jpg --model nothing
bad 2 'has no setting' match a.png b.jpg --layer 3
bad 1 'No such file' match a.png b.jpg -o none/out.png
bad 3 'features/a.npy' match a.png b.jpg --from-features features
cp far.npy features/a.npy # displacements with NaN
cp far.npy features/b.npy
bad 3 'is not finite' match a.png b.jpg --from-features features
printf 'x' >features/a.npy
bad 3 'features/a.npy' match a.png b.jpg --from-features features
bad 2 'not an option of hfprop match' match a.png b.jpg --codec ffv1

# ---- warp ----

good '' warp a.png a.png -o same.png --background b
pixels a.png >want.rgb
pixels same.png | cmp -s - want.rgb && pass || fail 'an image warped into itself is not itself'
good '' warp a.png a.png -o same.png --how splat -y
pixels same.png | cmp -s - want.rgb && pass || fail 'an image splatted into itself is not itself'
good '' warp a.png small.png -o map.png --render colormap --mask-a mask.png --mask-b small.png --mask-colors gray --background b
check 'the result has the size of B' [ "$(size_of map.png)" = 64,48 ]
good '' warp a.png small.png -o panel.png --panel
check 'the panel holds A, B and the result' [ "$(size_of panel.png)" = $((128 + 2 * 72)),96 ]
bad 2 'no output, want -o OUT.png' warp a.png b.jpg
bad 2 'want the name of a .png' warp a.png b.jpg -o out.mp4
bad 2 'exists already' warp a.png b.jpg -o map.png
bad 2 '--temperature is for --how splat' warp a.png b.jpg -o out.png --temperature 1
bad 3 'text.png' warp text.png b.jpg -o out.png
bad 1 'No such file' warp a.png b.jpg -o none/out.png

# ---- pck ----

printf '[{"source_path": "a.png", "target_path": "turned.png", "source_points": [[10, 20], [100.4, 50]],
 "target_points": [[10, 20], [100.4, 50]], "category": "disc", "target_bounding_box": [20, 20, 60, 60]}]' >pairs.json
good 'per key point                 1       2      100.00      100.00' pck pairs.json --images pictures --size 96 --alpha 0.1,0.05
good 'distance <= alpha * base' pck pairs.json --images pictures --size 96
good 'distance < alpha * base' pck pairs.json --images pictures --size 96 --strictly
good 'upsampled to 50x50 pixels' pck pairs.json --images pictures --squeeze --eval-size 50 --base box
good 'larger side of the annotated box of the target' pck pairs.json --images pictures
good 'round the target'"'"'s key points' pck pairs.json --images pictures --box keypoints
good '"per_image"' pck pairs.json --images pictures --json -o scores
check 'the files are there' [ -s scores/pck.json ] && [ -s scores/pairs.csv ]
check 'a line a pair' [ "$(wc -l <scores/pairs.csv)" = 2 ]
bad 2 'scores/pck.json: exists already' pck pairs.json --images pictures -o scores

bad 2 'no annotations' pck
bad 2 'no images, want --images DIR' pck pairs.json
bad 2 '--images none: is no folder' pck pairs.json --images none
bad 3 'none.json' pck none.json --images pictures
bad 3 'want key points as .json' pck a.png --images pictures
bad 3 'no key points in it' pck features
printf '[{"source_path": "a.png"}]' >broken.json
bad 3 'entry 0: "source_points" is missing' pck broken.json --images pictures
sed 's/turned/gone/' pairs.json >gone.json
bad 3 'gone.png: not there' pck gone.json --images pictures
bad 3 'no box of the source is annotated' pck pairs.json --images pictures --box source
bad 2 'want numbers separated by commas' pck pairs.json --images pictures --alpha 0.1x
bad 2 'alpha is 0' pck pairs.json --images pictures --alpha 0
bad 2 'want numbers of layers' pck pairs.json --images pictures --layers 0
bad 2 '--at-steps: goes with --layers' pck pairs.json --images pictures --at-steps 4
bad 2 'want numbers of steps' pck pairs.json --images pictures --layers 1 --at-steps x
bad 2 'goes through layers itself' pck pairs.json --images pictures --layers 1 --layer 2
bad 2 'has no setting' pck pairs.json --images pictures --layers all
bad 2 'features from files have no layers' pck pairs.json --images pictures --layers all --from-features features
bad 2 'has neither splits' pck pairs.json --images pictures --split val
bad 2 'looks like a file' pck pairs.json --images pictures -o out.csv
printf '{"src_imname": "a.png", "trg_imname": "turned.png", "src_kps": [[1, 2]], "trg_kps": [[1, 2]],
 "src_imsize": [640, 480, 3], "trg_imsize": [128, 96, 3], "category": ""}' >spair.json
bad 3 'has 128x96 pixels, its annotation says 640x480' pck spair.json --images pictures

# A sweep over layers, steps and ways of a tiny network with random weights.
tiny=$(dirname "$script")/golden/sd_tiny/sd1
good '3, generation, step 2' pck pairs.json --images pictures --model sd15 --weights "$tiny" --square 64 --steps 4 \
    --layers 2,3 --at-steps 1,2 --both-ways -o sweep
check 'a line for each' [ "$(wc -l <sweep/layers.csv)" = $((1 + 8 * 2 * 3)) ]
check 'a chart with four lines' [ "$(grep -c '<path' sweep/layers.svg)" = 4 ]

# ---- --flow ----

video clip.mp4 4 -c:v libx264 -crf 10
mask first.png 0
mkdir fields one
for i in 1 2 3; do
    ffmpeg -nostdin -v error -y -i clip.mp4 -vf "select=eq(n\,$i)" -frames:v 1 frame.png
    ffmpeg -nostdin -v error -y -i clip.mp4 -frames:v 1 key.png
    good '' match frame.png key.png --points 5,5 --field fields/0000$i.flo
done
good '' clip.mp4 --mask first.png --flow fields --masks flow -o none -q
check 'a mask a frame' [ "$(ls flow | grep -c png)" = 4 ]
check 'fields have no features, and no batch' [ "$(grep -c '"batch"' flow/hfprop.json)" = 0 ]
pixels flow/00003.png >carried.rgb
mask truth.png 3
pixels truth.png | cmp -s - carried.rgb # of the same size; how alike they are is for the next line
n_wrong=$(pixels truth.png | python3 -c "
import sys
a, b = sys.stdin.buffer.read()[::3], open('carried.rgb', 'rb').read()[::3]
print(sum((x > 99) != (y > 99) for x, y in zip(a, b)) if len(a) == len(b) else -1)")
check "the mask is carried by the fields ($n_wrong pixels are wrong)" [ "$n_wrong" -ge 0 -a "$n_wrong" -le 60 ]
good 'matches come from fields' clip.mp4 --mask first.png --flow fields --dry-run

mkdir keys keys/0 keys/3
cp fields/*.flo keys/0
cp fields/*.flo keys/3
good '' clip.mp4 --mask 0=first.png --mask 3=truth.png --flow keys --masks flow2 -o none -q
rm -r keys/3
bad 2 'keys/3: No such file or directory; each key frame has a folder' clip.mp4 --mask 0=first.png --mask 3=truth.png --flow keys -o out.mp4
bad 2 '--flow none' clip.mp4 --mask first.png --flow none -o out.mp4
bad 2 'is no folder' clip.mp4 --mask first.png --flow first.png -o out.mp4
bad 2 'the matches come from files' clip.mp4 --mask first.png --flow fields --match first -o out.mp4
bad 3 'neither 00001.flo nor 00001.npy' clip.mp4 --mask first.png --flow one -o none --masks out1
cp still.flo one/00001.flo
bad 3 'a field of 128x96 pixels, want 64x48' clip.mp4 --mask first.png --flow one -o none --masks out2
head -c 999 fields/00001.flo >one/00001.flo
bad 3 'ends after 246 of 6144 numbers' clip.mp4 --mask first.png --flow one -o none --masks out3

# What was written before a field broke stays, and --resume goes on once it is mended.
cp fields/00001.flo one/00001.flo
bad 3 'neither 00002.flo' clip.mp4 --mask first.png --flow one -o none --masks part
check 'two masks were kept' [ "$(ls part | grep -c png)" = 2 ]
cp fields/*.flo one
good '' clip.mp4 --mask first.png --flow one -o none --masks part --resume -q
for i in 0 1 2 3; do
    cmp -s part/0000$i.png flow/0000$i.png && pass || fail "frame $i is another after --resume"
done

finish
