#!/bin/sh
# Everything that needs a GPU, on one machine with one, in under 10 minutes: build, parity, compute-sanitizer, the benchmark
# with PyTorch beside it, and one short table last.
#
#     sh tests/gpu.sh [PART...]       parts: build parity units sanitizer bench eager compiled; none named: all of them
#     sh tests/gpu.sh --rehearse [PART...]
#                                     on the emulated module and PyTorch on the CPU, small: checks this script, not a GPU
#
# Needs nvcc, cuDNN 9, a C compiler, meson, ninja, Python with PyTorch; no FFmpeg, no network. Other libraries are taken from
# the system, or from the folder that tests/gpu_pack.sh made (.gpu, or $GPU_PACK). Each part has its own limit of time, so
# that one that hangs does not cost the rest. $OUT, where it is set, gets every log and the table.
# Exit status: 0; 1 if something does not build or is not equal to ref; 77 where there is no GPU. Goals of speed that are
# missed are in the table and change nothing.
set -u
cd "$(dirname "$0")/.." || exit 1

rehearse=
[ "${1:-}" = --rehearse ] && rehearse=1 && shift
parts=${*:-build parity units sanitizer bench eager compiled}
for part in $parts; do
    case $part in
    build | parity | units | sanitizer | bench | eager | compiled) ;;
    *) echo "gpu.sh: there is no part $part" >&2; exit 2 ;;
    esac
done
if [ -z "$rehearse" ] && ! nvidia-smi -L >/dev/null 2>&1; then
    echo "tests/gpu.sh: skipped, this machine has no GPU that nvidia-smi knows"
    exit 77
fi

pack=${GPU_PACK:-.gpu}
build=${GPU_BUILD:-build-gpu}
out=${OUT:-$build/results}
work=${GPU_WORK:-/tmp/hfprop-gpu-$(id -u)}
python=${PYTHON:-python3}
begin=$(date +%s)
whole=570 # seconds of all parts
slower=1
[ -z "$rehearse" ] || slower=10 whole=7200 # the emulation is no GPU
failed=0
mkdir -p "$out" "$work" "$build" || exit 1
out=$(cd "$out" && pwd)
build=$(cd "$build" && pwd)

wanted() { case " $parts " in *" $1 "*) return 0 ;; esac; return 1; }
elapsed() { echo $(($(date +%s) - begin)); }
say() { echo "== $(elapsed) s: $*"; }

# $1: most seconds, less where the whole has less left; $2: file for what it says; the rest: a command. 124: out of time.
limited() {
    limit=$(($1 * slower)) log=$2
    shift 2
    left=$((whole - $(elapsed)))
    [ "$left" -gt "$limit" ] && left=$limit
    [ "$left" -gt 1 ] || { echo "no time left" >>"$log"; return 124; }
    timeout -k 5 "$left" "$@" >>"$log" 2>&1
}

# A step that must not fail. $1: its name; the rest as for limited. Out of time is told, and is no failure of parity.
must() {
    name=$1
    shift
    limited "$@"
    status=$?
    case $status in
    0) say "$name: ok. $(tail -n 1 "$2")" ;;
    124 | 137) say "$name: NOT FINISHED in its time. $(tail -n 1 "$2")"; echo "$name: not finished" >>"$out/unfinished" ;;
    *) say "$name: FAILED ($status)"; tail -n 25 "$2"; failed=1 ;;
    esac
    return $status
}

# Libraries that the system lacks, for this script alone: found by the compiler, and by programs through their own rpath.
unpack() {
    root=$build/root
    [ -e "$pack/libraries.tar.xz" ] || return 0
    if [ ! -e "$root/done" ]; then
        mkdir -p "$root" && tar -C "$root" -xJf "$pack/libraries.tar.xz" && touch "$root/done" || return 1
    fi
    # What the system has itself is left to it.
    if [ -z "$rehearse" ] && pkg-config --exists openblas libpng jansson zlib criterion 2>/dev/null && [ -e /usr/include/dnnl.h ]; then
        return 0
    fi
    CPATH=$root/include${CPATH:+:$CPATH}
    LIBRARY_PATH=$root/lib${LIBRARY_PATH:+:$LIBRARY_PATH}
    LDFLAGS="${LDFLAGS:-} -Wl,--disable-new-dtags -Wl,-rpath,$root/lib"
    export CPATH LIBRARY_PATH LDFLAGS
}

# cuDNN and cuBLASLt as Python packages have them, where the toolkit has none: with the names that linking wants.
find_cudnn() {
    nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
    toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
    links=$build/links
    mkdir -p "$links"
    [ -e "$toolkit/include/cudnn.h" ] || [ -e /usr/include/cudnn.h ] || {
        site=$($python -c 'import nvidia.cudnn as m; print(list(m.__path__)[0])' 2>/dev/null) || return 0
        for lib in "$site"/lib/libcudnn*.so.9; do
            ln -sf "$lib" "$links/$(basename "$lib" .9)"
        done
        CPATH=$site/include${CPATH:+:$CPATH}
        LIBRARY_PATH=$links:$site/lib${LIBRARY_PATH:+:$LIBRARY_PATH}
        LDFLAGS="${LDFLAGS:-} -Wl,-rpath,$site/lib"
        export CPATH LIBRARY_PATH LDFLAGS
    }
}

wheels() {
    ls "$pack"/*.whl >/dev/null 2>&1 || return 0
    $python -c 'import diffusers' 2>/dev/null && return 0
    $python -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$work/site" "$pack"/*.whl &&
        export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
}

run_meson() { if command -v meson >/dev/null; then meson "$@"; else $python -m mesonbuild.mesonmain "$@"; fi; }
run_ninja() { if command -v ninja >/dev/null; then ninja "$@"; else $python -m ninja "$@"; fi; }

configure() {
    archs=90
    [ -n "$rehearse" ] || archs=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d '. ')
    [ -e "$build/build.ninja" ] && return 0
    run_meson setup "$build" -Dffmpeg=disabled -Dcriterion=auto -Dcuda=$([ -n "$rehearse" ] && echo disabled || echo enabled) \
        "-Dgpu_archs=$archs"
}

compile() { configure && run_ninja -C "$build" ${rehearse:+-j2}; }

# Functions cannot be timed by timeout: this script calls itself for them.
case ${GPU_STEP:-} in
compile) compile; exit ;;
esac

device=cuda
if [ -n "$rehearse" ]; then
    export HFPROP_CUDA_MODULE="$build/tests/emulation/hfprop_cuda_emulated.so" OMP_NUM_THREADS=1
    card="emulated, rehearsal"
else
    card=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | head -n 1)
fi
rm -f "$out"/*.txt "$out"/*.log "$out/unfinished"
echo "$card" >"$out/card.txt"
say "$card"

unpack || { echo "gpu.sh: $pack/libraries.tar.xz cannot be unpacked" >&2; exit 1; }
find_cudnn
wheels

# The weights are made while the build keeps the processors busy: they come from the GPU.
if wanted bench || wanted eager || wanted compiled || wanted parity; then
    (limited 150 "$out/make.log" "$python" tests/bench/gpu_torch.py make "$work") &
    making=$!
fi
if wanted build || [ ! -e "$build/tests/hfbench" ]; then
    GPU_STEP=compile must build 200 "$out/build.log" sh "$0" ${rehearse:+--rehearse} build || exit 1
fi
[ -z "${making:-}" ] || wait "$making" || say "weights: not made, rows of Stable Diffusion are missing: $(tail -n 1 "$out/make.log")"

# PyTorch's compiler works beside the tests; the processors have room, and nothing is timed yet.
warming=
if wanted compiled && [ -z "$rehearse" ]; then
    limited 300 "$out/warm.log" "$python" tests/bench/gpu_torch.py warm "$work" &
    warming=$!
fi

if wanted parity; then
    must "check_ops" 60 "$out/check_ops.log" "$build/tests/check_ops" --backend "$device"
    must "check_networks" 90 "$out/check_networks.log" "$build/tests/check_networks" --device "$device" \
        --golden tests/golden ${rehearse:+--quick} $([ -e "$work/sd1/done" ] && [ -z "$rehearse" ] && echo --full "$work/sd1")
    must "attention by cuDNN" 60 "$out/check_attention.log" env HFPROP_CUDA_ATTENTION=library "$build/tests/check_ops" \
        --backend "$device" attention
fi

# Criterion programs whose tests go through every backend that opens.
if wanted units; then
    if [ -x "$build/tests/test_match_dense" ] && [ -z "$rehearse" ]; then
        must "units" 60 "$out/units.log" env GPU_STEP= sh -c '
            cd "$1" && bad=0
            for t in backend unet vae vit taesd clip_text aggregation tiny_net model_sd model_dino classic match_dense match_stay \
                match_context splat fill first outside bend warp context context_ops session session_device ahead recorded correspond \
                refine cuda_matrix; do
                program=tests/test_$t
                [ -x "$program" ] || program=tests/emulation/test_$t
                "$program" --quiet >"$2/unit_$t.log" 2>&1 || { bad=$((bad + 1)); echo "FAILED: test_$t"; tail -n 5 "$2/unit_$t.log"; }
            done
            echo "$bad programs failed"; [ "$bad" = 0 ]' units "$build" "$out"
    else
        say "units: skipped, no Criterion here, or a rehearsal"
    fi
fi

if wanted sanitizer; then
    if command -v compute-sanitizer >/dev/null && [ -z "$rehearse" ]; then
        for tool in memcheck racecheck synccheck; do
            must "$tool" 40 "$out/$tool.log" compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/tests/check_networks" \
                --device cuda --golden tests/golden --quick
        done
    else
        say "sanitizer: skipped, no compute-sanitizer here, or a rehearsal"
    fi
fi

[ -z "$warming" ] || wait "$warming" || say "warm: $(tail -n 1 "$out/warm.log")"

# $1: seconds; the rest: arguments of hfbench. A row that cannot be run is told and is missing in the table.
ours() {
    limit=$1
    shift
    limited "$limit" "$out/ours.txt" "$build/tests/hfbench" "$@" || say "bench $*: $(tail -n 1 "$out/ours.txt")"
}

if wanted bench; then
    sd=$work/sd1 kind=f16 b=8 px=512 vit=518
    [ -z "$rehearse" ] || { b=2 px=64 vit=56; }
    device_options="--device $device --precision $kind"
    size="--size ${px}x$px"
    if [ -n "$rehearse" ]; then
        ours 60 ops $device_options --batch 2 --repeat 1 --only group_norm-b2-16
        ours 60 net unet tests/golden/sd_tiny/sd1 $device_options --batch 1 --repeat 1 --size 64x64 --name unet-b1-64x64
    else
        for n in 1 8 16; do
            ours 30 net unet "$sd" $device_options --batch $n $size
        done
        # GEGLU by the library with a kernel after it, and by the kernel that does both: cuda/matrix.h wants to know.
        for way in library own; do
            (export HFPROP_CUDA_GEGLU=$way; ours 30 net unet "$sd" $device_options --batch 8 $size --name unet-geglu-$way-b8-512x512)
        done
        # Attention by cuDNN's fused engines, and by the own kernels, which the rows above have: the same question.
        for way in library own; do
            (export HFPROP_CUDA_ATTENTION=$way; ours 30 net unet "$sd" $device_options --batch 8 $size --name unet-attention-$way-b8-512x512)
        done
        ours 20 net vae "$sd" $device_options --batch 1 $size
        ours 20 net vae "$sd" $device_options --batch 8 $size
        for n in 1 8; do
            ours 30 net model "$sd" $device_options --batch $n $size --name onestep-b$n-512x512 \
                --aggregation "$sd/aggregation_network_one-step.pt"
            ours 40 net model "$sd" $device_options --batch $n $size --name inversion-b$n-512x512 \
                --aggregation "$sd/aggregation_network.pt" --repeat 3
        done
        ours 20 net vit "$work/vits14/model.safetensors" $device_options --size ${vit}x$vit
        ours 60 ops $device_options --batch 8
    fi
    say "bench: $(grep -c ' ms ' "$out/ours.txt") rows"
fi

for how in eager compiled; do
    wanted $how || continue
    if ! $python -c 'import torch' 2>/dev/null; then
        say "$how: skipped, no PyTorch here"
        continue
    fi
    limit=100
    [ $how = eager ] || limit=260
    limited $limit "$out/$how.txt" "$python" tests/bench/gpu_torch.py $how "$work" ${rehearse:+group_norm-b2-16}
    status=$?
    say "$how: $(grep -c ' ms ' "$out/$how.txt") rows$([ $status = 0 ] || echo ", stopped or with errors ($status)")"
done

say "done"
$python tests/bench/gpu_table.py "$out" | tee "$out/table.txt"
exit $failed
