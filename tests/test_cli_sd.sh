# test_cli_sd.sh HFPROP - whole runs with models made of Stable Diffusion weights, on the tiny pipelines of golden/sd_tiny.
#
# Their weights are random, so nothing is said of quality: runs must end well, give the same masks in both
# layouts of the same weights, and follow their settings.
golden=$(cd "$(dirname "$0")/golden/sd_tiny" && pwd)
. "$(dirname "$0")/cli_fixture.sh"
export HF_HUB_CACHE="$dir/hub" HOME="$dir"

video clip.mp4 4 -c:v libx264
mask mask.png 0

# $1: name of the run, the rest: options. Masks go to the folder of the name.
run() {
    name=$1
    shift
    if "$hfprop" clip.mp4 --mask mask.png --masks "$name" -o none -q -y "$@" >"$name.txt" 2>&1; then
        if [ "$(ls "$name" | grep -c '\.png$')" = 4 ]; then pass; else fail "$name: $(ls "$name")"; fi
    else
        fail "$name: exit $?: $(head -c 1000 "$name.txt")"
    fi
}

same() {
    for i in 0 1 2 3; do cmp -s "$1/0000$i.png" "$2/0000$i.png" || { fail "$1 and $2 differ in frame $i"; return; }; done
    pass
}

differ() {
    for i in 1 2 3; do cmp -s "$1/0000$i.png" "$2/0000$i.png" || { pass; return; }; done
    fail "$1 and $2 are the same"
}

refused() {
    want=$1 text=$2
    shift 2
    "$hfprop" clip.mp4 --mask mask.png --masks none -o none -q -y "$@" >refused.txt 2>&1
    code=$?
    if [ $code = "$want" ] && grep -qF -e "$text" refused.txt; then pass; else fail "exit $code, want $want; $*: $(cat refused.txt)"; fi
}

# A path alone: sd15 or sd21 by the files, aggregation network beside them.
run folder1 -m "$golden/sd1"
run folder2 -m "$golden/sd2"
differ folder1 folder2

# The same weights in one file give the same masks. The heads of a tiny SD 1 are not in its file.
cp "$golden/sd1.safetensors" one.safetensors
printf 'num_heads: 2\n' >one.yaml
run single1 -m one.safetensors --aggregation "$golden/sd1/aggregation_network.pt"
run single2 -m "$golden/sd2.ckpt" --aggregation "$golden/sd2/aggregation_network_sdv2-1.pt"
same folder1 single1
same folder2 single2

# Presets over the same weights.
run onestep -m sd15-onestep --weights "$golden/sd1"
run layer -m sd15-layer4 --weights "$golden/sd1"
run concat -m sd15-concat --weights "$golden/sd1"
run stop1 -m sd15-stop1 --weights "$golden/sd1"
run first -m sd15-onestep --weights "$golden/sd1" --match first
run dift -m dift-sd21 --weights "$golden/sd2" --ensemble 2
run again -m dift-sd21 --weights "$golden/sd2" --ensemble 2
same dift again
run generation -m sd15-generation --weights "$golden/sd1"
run prompt -m sd15-onestep --weights "$golden/sd1" --prompt 'a disc'
run ref -m sd15-onestep --weights "$golden/sd1" --device ref --match first --square 64 --refine off

# Settings stand in the sidecar.
if grep -q '"model": *"sd15-stop1"' stop1/hfprop.json && grep -q '"prompt": *"a disc"' prompt/hfprop.json; then
    pass
else
    fail "sidecar: $(head -c 600 prompt/hfprop.json)"
fi

# Refusals.
refused 4 'model sd15: no weights given with --weights' -m sd15
refused 4 'aggregation_network_one-step.pt is neither beside the weights' -m sd15-onestep --weights one.safetensors
refused 2 'layer 13, want 1..12' -m sd15-layer4 --weights "$golden/sd1" --layer 13
refused 4 'not a Stable Diffusion checkpoint' -m sd15 --weights "$golden/sd1/vae/diffusion_pytorch_model.fp16.safetensors"
refused 4 'not an aggregation network' -m sd15 --weights "$golden/sd1" --aggregation "$golden/sd2/text_encoder/pytorch_model.bin"

# Images together or one by one: the same features. Three of one size and a smaller one, two at a time; a broken one ends the
# run after those before it are written.
make -i "$scene" -frames:v 3 f%d.png
make -i color=gray:s=40x56 -frames:v 1 small.png
echo broken >broken.png
sd="-m sd15-onestep --weights $golden/sd1"
if "$hfprop" features f1.png f2.png f3.png small.png -o one -q $sd --batch 1 &&
    "$hfprop" features f1.png f2.png f3.png small.png -o two -q $sd --batch 2; then
    for f in f1 f2 f3 small; do
        python3 - "one/$f.npy" "two/$f.npy" <<'END' && pass || fail "features of $f differ with --batch 2"
import struct, sys
def read(path):
    data = open(path, 'rb').read()
    n = struct.unpack('<H', data[8:10])[0]
    body = data[10 + n:]
    return struct.unpack('<%df' % (len(body) // 4), body)
a, b = read(sys.argv[1]), read(sys.argv[2])
assert len(a) == len(b) > 0 and max(abs(x - y) for x, y in zip(a, b)) < 1e-4
END
    done
else
    fail "features of a batch"
fi
"$hfprop" features f1.png broken.png f2.png -o three -q $sd --batch 4 2>refused.txt
code=$?
[ $code = 3 ] && grep -q broken.png refused.txt && [ -s three/f1.npy ] && pass || fail "broken image in a batch: exit $code, $(cat refused.txt)"

finish
