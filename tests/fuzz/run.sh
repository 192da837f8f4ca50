#!/bin/sh
# run.sh [SECONDS [TARGET...]] - each fuzz target under libFuzzer with the address and undefined-behaviour sanitizers,
# 10 seconds unless told, from the goldens as a corpus. Targets: pickle safetensors shards torch zip.
# What crashes one is left in $FUZZ_OUT (default: a temporary folder, which is then named). $FUZZ_OUT also keeps the corpus
# between runs. Needs clang with its libFuzzer; without, the run is skipped (status 77).
set -u
seconds=${1:-10}
[ $# -gt 0 ] && shift
root=$(cd "$(dirname "$0")/../.." && pwd)
goldens=$root/tests/golden/tensor_files
out=${FUZZ_OUT:-$(mktemp -d)}
cc=${FUZZ_CC:-clang}
flags='-g -O1 -std=c11 -D_GNU_SOURCE -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
sources='src/error io/mapped_file io/pickle io/pickle_globals io/safetensors io/shards io/tensor_file io/tensor_table io/torch_file
io/torch_values io/zip_read'

mkdir -p "$out/build" || exit 1
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return !d && n; }' >"$out/build/probe.c"
if ! "$cc" -fsanitize=fuzzer,address,undefined -o "$out/build/probe" "$out/build/probe.c" 2>/dev/null; then
    echo "skipped: no $cc with libFuzzer (apt-get install clang libclang-rt-dev)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 77
fi

objects=
for source in $sources; do
    object=$out/build/$(basename "$source").o
    # The flags are meant to be split into words.
    "$cc" $flags -I"$root" -c "$root/$source.c" -o "$object" || exit 1
    objects="$objects $object"
done

corpus_of() {
    case $1 in
    pickle) echo "$goldens"/pickles/*.pkl ;;
    safetensors) echo "$goldens"/*.safetensors ;;
    shards) echo "$goldens"/*.json ;;
    torch) echo "$goldens"/*.pt "$goldens"/*.pth "$goldens"/*.ckpt "$goldens"/*.bin ;;
    zip) echo "$goldens"/*.pt "$goldens"/*.bin ;;
    esac
}

passed=0 failed=0
[ $# -gt 0 ] || set -- pickle safetensors shards torch zip
for name; do
    "$cc" $flags -fsanitize=fuzzer -I"$root" "$root/tests/fuzz/fuzz_$name.c" $objects -ljansson -o "$out/build/fuzz_$name" || exit 1
    mkdir -p "$out/$name"
    for file in $(corpus_of "$name"); do
        cp -n "$file" "$out/$name/"
    done
    if "$out/build/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=600 -max_len=16384 \
        -artifact_prefix="$out/$name-" -print_final_stats=1 "$out/$name" >"$out/$name.log" 2>&1; then
        passed=$((passed + 1))
        sed -n 's/^stat::number_of_executed_units: */'"$name"': runs /p; s/^stat::peak_rss_mb: */'"$name"': peak MB /p' "$out/$name.log"
        grep -E '^#[0-9]+.*(DONE|pulse)' "$out/$name.log" | tail -n 1
    else
        failed=$((failed + 1))
        echo "FAIL: $name, see $out"
        grep -E 'ERROR|runtime error|SUMMARY|Test unit' "$out/$name.log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ -n "${FUZZ_OUT:-}" ] || [ "$failed" != 0 ] || rm -r "$out"
[ "$failed" = 0 ]
