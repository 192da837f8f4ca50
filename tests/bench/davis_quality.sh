#!/bin/sh
# davis_quality.sh BUILD_DIR DAVIS_ROOT [SEQUENCE...] - J of --match context on DAVIS sequences.
#
# Without sequences: those of ImageSets/2016/train.txt. One process a processor, one
# thread each: on many videos that is quicker than threads inside one. Frames are decoded once into a
# temporary folder (1.3 GB for the 12), which is removed at the end. Settings by name, see davis_quality.c:
#     SETTINGS="n_recent=10 edges=0" sh tests/bench/davis_quality.sh build ../shared/data/davis
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,8s/^# //p' "$0" >&2
    exit 2
fi
program=$1/tests/davis_quality
root=$2
shift 2
[ $# -gt 0 ] || set -- $(cat "$root/ImageSets/2016/train.txt")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM

for name in "$@"; do
    ffmpeg -nostdin -v error -i "$root/JPEGImages/480p/$name/%05d.jpg" -f rawvideo -pix_fmt rgb24 \
        "$folder/$name.rgb"
    ffmpeg -nostdin -v error -i "$root/Annotations/480p/$name/%05d.png" -f rawvideo -pix_fmt gray \
        "$folder/$name.gt"
done
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# shellcheck disable=SC2086
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} "$program" "$folder" {} ${SETTINGS:-} | sort |
    awk '{ print; j += $2; step += $4; refine += $7; n++ }
         END { printf "%-18s %.4f  mean of %d; CPU time a frame: step %.1f ms refine %.1f ms\n", "mean", j / n, n, step / n, refine / n }'
