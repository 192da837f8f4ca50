#!/bin/sh
# check_includes.sh ROOT - who may include whom; design of the folders, checked by grep.
#
#   io         -> io, src/error.h
#   propagate  -> propagate, src, io/frame.h, io/mask.h
#   cuda       -> cuda, src, propagate (contracts)
#   src/net    -> src: networks and what they need
#   src        -> src; src/weights.c -> io/tensor_file.h too
#   src/cli    -> everything, and so do the files of src that put the parts together
#   samples    -> anything (the programs on hfprop.h alone are checked by their own build)
# Includes of our own are written from the root, so that the arrow is visible in the line; NAME.inc is made from NAME.
set -u
cd "$1" || exit 1
n_files=0 n_bad=0

bad() {
    n_bad=$((n_bad + 1))
    echo "FAIL: $1 includes $2: $3"
}

# Files of src that put the parts together. Everything else there is a network, a backend or a tool of theirs.
puts_together() {
    case $1 in
    src/net/* | src/backend.c | src/backend.h | src/layers.[ch] | src/model*.[ch] | src/ref*.[ch] | src/cpu*.[ch] | src/tensor.[ch] | src/arena.[ch] | src/error.[ch] | src/simd.[ch] | src/hfprop.h)
        return 1 ;;
    esac
}

allowed() {
    file=$1 header=$2
    case $file:$header in
    *:hf_config.h | src/tiny_weights.c:tiny_weights_path.h) ;; # made by the build
    io/*:io/* | io/*:src/error.h) ;;
    propagate/*:propagate/* | propagate/*:src/* | propagate/*:io/frame.h | propagate/*:io/mask.h) ;;
    cuda/*:cuda/* | cuda/*:src/* | cuda/*:propagate/*.h) ;;
    src/hfprop.h:error.h) ;; # installed beside it
    src/backend.c:propagate/*.h) ;; # fills the op table
    src/*:src/*) ;;
    src/*:io/* | src/*:propagate/*) puts_together "$file" ;;
    *) return 1 ;;
    esac
}

for file in src/*.[ch] src/cli/*.[ch] src/net/*.[ch] io/*.[ch] propagate/*.[ch] cuda/*.c cuda/*.h cuda/*.cu cuda/*.cuh; do
    [ -f "$file" ] || continue
    n_files=$((n_files + 1))
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
        if ! allowed "$file" "$header"; then
            bad "$file" "$header" "that arrow is not allowed"
        elif [ "$header" != hf_config.h ] && [ "$header" != tiny_weights_path.h ] && [ "$file" != src/hfprop.h ] && [ ! -f "${header%.inc}" ]; then
            bad "$file" "$header" "not a path from the root"
        fi
    done
    case $file in
    propagate/*)
        if grep -qE '#[[:space:]]*include[[:space:]]*<(libav|libsw)' "$file"; then
            bad "$file" "FFmpeg" "only io/ and the program know it"
        fi ;;
    esac
done

if [ "$n_files" = 0 ]; then
    echo "FAIL: no source files under $1"
    n_bad=1
fi
echo "$((n_files - n_bad > 0 ? n_files - n_bad : 0)) passed, $n_bad failed, 0 skipped"
[ "$n_bad" = 0 ]
