# test_cli_cuda.sh HFPROP - whole runs on the cuda backend against the same runs on the processor.
#
# HFPROP_CUDA_MODULE names the module; with the emulated one (tests/emulation) no GPU is needed.
. "$(dirname "$0")/cli_fixture.sh"

if ! "$hfprop" doctor 2>&1 | grep -q '^ok *backend cuda'; then
    echo "skipped: $("$hfprop" doctor | grep 'backend cuda')"
    echo "0 passed, 0 failed, 1 skipped"
    exit 77
fi

video clip.mp4 4
mask mask.png 0

run() {
    if ! "$hfprop" "$@" >stdout.txt 2>stderr.txt </dev/null; then
        fail "hfprop $*: $(cat stderr.txt)"
        return 1
    fi
}

# $1: the most pixels of all masks in two folders that may differ; $2, $3: the folders.
masks_near() {
    for f in "$2"/*.png; do
        ffmpeg -nostdin -v error -i "$f" -i "$3/$(basename "$f")" -filter_complex \
            "[0]format=gray[a];[1]format=gray[b];[a][b]blend=all_mode=difference,format=gray" -f rawvideo - || return 1
    done | tr -d '\0' | wc -c >differ.txt
    [ "$(cat differ.txt)" -le "$1" ] || { echo "$(cat differ.txt) pixels differ"; return 1; }
}

# $1: a name, $2: pixels that may differ, the rest: options.
same_on_both() {
    name=$1 limit=$2
    shift 2
    run clip.mp4 -y --mask mask.png "$@" --device cpu --threads 1 --masks "$name-cpu" || return
    run clip.mp4 -y --mask mask.png "$@" --device cuda --threads 1 --masks "$name-cuda" || return
    if masks_near "$limit" "$name-cpu" "$name-cuda"; then pass; else fail "$name: cuda is not cpu"; fi
}

# 64 x 48 pixels and three frames behind the drawn one: 9216 pixels. Features differ in their last digits, so a few
# pixels on an edge may fall to the other side.
same_on_both context 20 -m classic
same_on_both first 20 -m classic --match first

# Fields of somebody else, to two keys: nothing is matched, so every pixel is the same. One moves 2 pixels, one has holes.
python3 - <<'END'
import os, struct
for key, field in (0, lambda t, x, y: (-2.0 * t, 0.5)), (3, lambda t, x, y: (2.0 * (3 - t), 0) if (x + y) % 7 else (float('nan'), 0)):
    os.makedirs(f'fields/{key}')
    for t in range(4):
        with open(f'fields/{key}/{t:05}.flo', 'wb') as f:
            f.write(b'PIEH' + struct.pack('<ii', 64, 48))
            f.writelines(struct.pack('<ff', *field(t, x, y)) for y in range(48) for x in range(64))
END
mask mask3.png 3
for way in to from; do
    for device in cpu cuda; do
        run clip.mp4 -y --mask 0=mask.png --mask 3=mask3.png --flow fields --flow-way $way-key --device $device --threads 1 --masks "given-$device"
    done
    diff -r -x '*.json' given-cpu given-cuda && pass || fail "--flow $way: cuda is not cpu"
done

# Frames shown ahead: a batch that ends early, both directions, two keys between which both are blended.
for batch in 1 2; do
    run clip.mp4 -y --mask 1=mask.png --mask 3=mask3.png -m classic --size 48 --device cuda --batch $batch --masks "batch$batch"
done
grep -q '"batch": *2,' clip.hfprop.mp4.hfprop.json && pass || fail "the sidecar does not tell --batch 2"
diff -r -x '*.json' batch1 batch2 && pass || fail "masks differ with --batch 2"
run clip.mp4 -y --mask 1=mask.png --mask 3=mask3.png -m classic --size 48 --device cpu --threads 1 --masks batch-cpu
masks_near 20 batch-cpu batch1 && pass || fail "two keys: cuda is not cpu"

run clip.mp4 -y --mask mask.png -m classic --device cuda --batch 2 --dry-run
grep -q '^GPU .* MB needed, .* MB available; .* MB taken' stdout.txt && grep -q '^ *features of 2 frames at a time' stdout.txt && pass ||
    fail "--dry-run does not tell the GPU's memory: $(cat stdout.txt)"

run clip.mp4 -y --mask mask.png -m classic --device auto --masks auto -v
grep -q '^device cuda: ' stderr.txt && pass || fail "-v does not tell the device: $(cat stderr.txt)"

"$hfprop" clip.mp4 -y --mask mask.png -m classic --device cuda:77 --masks none >stdout.txt 2>stderr.txt && fail "cuda:77"
grep -q 'there is no GPU 77' stderr.txt && pass || fail "cuda:77: $(cat stderr.txt)"

# The emulated GPU can be small.
case ${HFPROP_CUDA_MODULE:-} in
*emulated*)
    HF_EMULATED_MEMORY=1 "$hfprop" clip.mp4 -y --mask mask.png -m classic --device cuda --masks none >stdout.txt 2>stderr.txt
    code=$?
    [ "$code" = 5 ] && grep -q -e '--size' stderr.txt && pass || fail "too little memory: exit code $code, $(cat stderr.txt)"
    # Frames of 1920 x 1440 pixels, 8.3 MB each: 64 at a time do not fit into 256 MB.
    make -i color=gray:s=1920x1440:r=5 -frames:v 2 large.mp4
    HF_EMULATED_MEMORY=256 "$hfprop" large.mp4 -y --mask mask.png -m classic --size 48 --device cuda --batch 64 --masks none --dry-run >stdout.txt 2>stderr.txt
    code=$?
    [ "$code" = 5 ] && grep -q 'a smaller --batch' stderr.txt && grep -q '^GPU .* MB needed' stdout.txt && pass ||
        fail "too little memory for a batch: exit code $code, $(cat stdout.txt stderr.txt)"
    ;;
*) skip "too little GPU memory: the module is not the emulated one" ;;
esac

finish
