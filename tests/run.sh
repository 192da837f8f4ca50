#!/bin/sh
# Installs what the tests need, builds in three ways and runs every test in each:
#   build-werror   warnings are errors
#   build-asan     address and undefined-behaviour sanitizers
#   build-lib      the library without FFmpeg
# The kernels are compiled for all GPUs once, in build-werror.
# The last line is the sum: "N passed, N failed, N skipped". Exit status 0 only if nothing failed.
set -u
cd "$(dirname "$0")/.." || exit 1
sh samples/setup.sh tests || exit 1

passed=0 failed=0 skipped=0
export CRITERION_VERBOSITY_LEVEL=1 # names the tests that are skipped
export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0"
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# $1: folder, the rest: options of meson. 1 if it cannot be built.
build() {
    folder=$1
    shift
    echo "== $folder: building"
    if [ ! -f "$folder/build.ninja" ]; then
        meson setup "$folder" --werror "$@" >"$folder.log" 2>&1 || { cat "$folder.log"; return 1; }
        rm -f "$folder.log"
    fi
    ninja -C "$folder" >"$folder/ninja.log" 2>&1 || { tail -n 60 "$folder/ninja.log"; return 1; }
}

# Add up what the programs said: Criterion's closing lines, "N passed, N failed, N skipped" of our
# own, and, for a program that says neither, its exit status as meson reports it.
count() {
    awk '
    function take(word, v) {
        v = $0
        if (!match(v, "[0-9]+ " word)) return 0
        return substr(v, RSTART, RLENGTH) + 0
    }
    function after(word, v) {
        v = $0
        if (!match(v, word ": [0-9]+")) return 0
        return substr(v, RSTART + length(word) + 2, RLENGTH - length(word) - 2) + 0
    }
    # The line of a finished program comes before what it said; settle the one before.
    function settle() {
        if (!open) return
        if (!told) { if (bad) f++; else if (skip) s++; else p++ }
        else if (bad && !failed_inside) died++
        open = 0
    }
    { gsub(/\033\[[0-9;]*m/, "") }
    /^Summary of Failures/ || /^Ok: / { exit }
    /^ *[0-9]+\/[0-9]+ .* (OK|FAIL|SKIP|TIMEOUT|ERROR) / {
        settle()
        open = 1; told = 0; failed_inside = 0
        bad = / (FAIL|TIMEOUT|ERROR) /; skip = / SKIP /
    }
    /Synthesis: Tested:/ {
        p += after("Passing"); bad_here = after("Failing"); f += bad_here
        told = 1; failed_inside += bad_here
    }
    /^\[SKIP\]/ { s++ }
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/ {
        p += take("passed"); f += take("failed"); s += take("skipped")
        told = 1; failed_inside += take("failed")
    }
    END { settle(); print p + 0, f + 0, s + 0, died + 0 }' "$1"
}

# $1: folder, the rest: options of meson test. Shows failures and closing lines; the whole log stays in the folder.
run_tests() {
    log=$1/tests.log
    folder=$1
    shift
    meson test -C "$folder" --no-rebuild -v "$@" >"$log" 2>&1
    status=$?
    sed 's/\x1b\[[0-9;]*m//g' "$log" |
        grep -E '^(.*\[SKIP\]|.*\[FAIL\]|.*Synthesis:|FAIL:|[0-9]+ passed,|=+ [0-9]+/|(==[0-9]+==)?ERROR:|.*runtime error|.* (FAIL|TIMEOUT|ERROR) )' || true
    set -- $(count "$log")
    # A program that counts no failure and still does not end well (a leak, a time-out) is one.
    set -- "$1" "$(($2 + $4))" "$3"
    if [ "$status" != 0 ] && [ "$2" = 0 ]; then
        set -- "$1" 1 "$3"
    fi
    echo "== $(dirname "$log"): $1 passed, $2 failed, $3 skipped"
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

for variant in 'build-werror' \
    'build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dgpu_archs=90' \
    'build-lib -Dffmpeg=disabled -Dgpu_archs=90'; do
    folder=${variant%% *}
    # The options are meant to be split into words.
    if build $variant; then
        # The GPU's kernels do not know FFmpeg: emulating them a third time would tell nothing new.
        case $folder in
        build-lib) run_tests "$folder" --no-suite emulated ;;
        *) run_tests "$folder" ;;
        esac
    else
        echo "== $folder: does not build"
        failed=$((failed + 1))
    fi
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
