#!/bin/sh
# From a fresh clone to results: sh samples/demo.sh [OUT_FOLDER]
# Installs what is missing, builds, and carries the sample clip's mask and edit through the clip.
set -eu
cd "$(dirname "$0")/.."
out=${1:-out}

sh samples/setup.sh build
if [ ! -f build/build.ninja ]; then
    echo "demo: configuring build/"
    # The demo needs no test framework.
    meson setup build -Dtests=false >build-setup.log 2>&1 || { cat build-setup.log >&2; exit 1; }
    rm -f build-setup.log
fi
echo "demo: building"
ninja -C build >build/ninja.log 2>&1 || { tail -n 40 build/ninja.log >&2; exit 1; }

mkdir -p "$out"
echo "demo: the mask, over the video and as PNG files"
build/hfprop samples/clip.mp4 --mask samples/clip_mask.png --masks "$out/masks" -o "$out/mask.mp4" -y
echo "demo: the edit, composited into every frame; the mask steadies what it is painted on"
build/hfprop samples/clip.mp4 --mask samples/clip_mask.png --edit samples/clip_edit.png -o "$out/edit.mp4" -y

echo
echo "Results:"
echo "  $out/mask.mp4   the masks drawn over the clip"
echo "  $out/masks/     one indexed PNG a frame ($(ls "$out/masks" | grep -c 'png$') files)"
echo "  $out/edit.mp4   the emblem of samples/clip_edit.png, carried along"
