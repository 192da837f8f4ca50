#!/bin/sh
# Packs what tests/gpu.sh wants of this machine for one with a GPU and little else, that can fetch nothing:
#   libraries.tar.xz  OpenBLAS, oneDNN, libpng, jansson, zlib and Criterion with their headers and all they link to
#   *.whl             diffusers and what it needs beside PyTorch and transformers
#
#     sh tests/gpu_pack.sh [FOLDER]        FOLDER: .gpu, where tests/gpu.sh looks
#
# Both machines are x86-64; the other one's C library is the same or newer. What is left out there is built without:
# no Criterion, no unit tests; no wheels, no rows of PyTorch's Stable Diffusion. About 25 MB.
set -eu
cd "$(dirname "$0")/.."
out=${1:-.gpu}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/root/include" "$work/root/lib"

# Headers, by what the compiler reads for these includes; folders that only Debian has are left out of their names.
headers='cblas.h dnnl.h jansson.h png.h zlib.h criterion/criterion.h criterion/parameterized.h criterion/new/assert.h'
for h in $headers; do echo "#include <$h>"; done >"$work/all.c"
${CC:-cc} $(pkg-config --cflags openblas libpng jansson criterion) -M "$work/all.c" | tr ' \\' '\n\n' |
    grep -E '/(openblas|dnnl|oneapi|criterion|libpng|boxfort|nanomsg)|/(cblas|f77blas|jansson|png|pnglib|zlib|zconf)[a-z_-]*\.h$' |
    sort -u >"$work/headers"
while read -r path; do
    name=$(printf '%s\n' "$path" | sed -E 's,.*/include/,,; s,^x86_64-linux-gnu/,,; s,^openblas[a-z-]*/,,; s,^libpng[0-9]*/,,')
    mkdir -p "$work/root/include/$(dirname "$name")"
    cp -L "$path" "$work/root/include/$name"
done <"$work/headers"

# Libraries under the names that they are linked by, with all that they link to but the C library's own and the compiler's.
for name in openblas dnnl png16 jansson z criterion; do
    file=$(${CC:-cc} -print-file-name=lib$name.so)
    soname=$(readelf -d "$file" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    cp -L "$file" "$work/root/lib/$soname"
    [ "$soname" = "lib$name.so" ] || ln -s "$soname" "$work/root/lib/lib$name.so"
    ldd "$file"
done | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u |
    grep -vE '^(libc|libm|libdl|libpthread|librt|libresolv|libgcc_s|libstdc\+\+|libgomp)\.so' |
    while read -r soname path; do
        [ -e "$work/root/lib/$soname" ] || cp -L "$path" "$work/root/lib/$soname"
    done
tar -C "$work/root" -cf - include lib | xz -T0 >"$out/libraries.tar.xz"

python3 -m pip download -q --no-deps --only-binary=:all: -d "$out" diffusers==0.42.1 importlib_metadata==8.7.0
ls -l "$out"
