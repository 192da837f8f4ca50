#!/bin/sh
# peers.sh BUILD_DIR DAVIS_ROOT PEERS_FOLDER [SEQUENCE...] - small published descriptors under hfprop's propagation.
#
# For each of xfeat, alike-t and alike-n (or those in PEERS): the descriptors of every frame (peers.py; PYTHON names the
# interpreter), then davis_quality with the settings of --match context. Without sequences: those of
# ImageSets/2016/train.txt. For comparison only: nothing of it is in the product.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
fi
here=$(dirname "$0") program=$1/tests/davis_quality root=$2 peers=$3
shift 3
[ $# -gt 0 ] || set -- $(cat "$root/ImageSets/2016/train.txt")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS=1

for name in "$@"; do
    ffmpeg -nostdin -v error -i "$root/JPEGImages/480p/$name/%05d.jpg" -f rawvideo -pix_fmt rgb24 "$folder/$name.rgb"
    ffmpeg -nostdin -v error -i "$root/Annotations/480p/$name/%05d.png" -f rawvideo -pix_fmt gray "$folder/$name.gt"
    for peer in ${PEERS:-xfeat alike-t alike-n}; do
        "${PYTHON:-python3}" "$here/peers.py" "$peer" "$peers" "$folder/$name.rgb" "$folder/$peer/$name"
        # shellcheck disable=SC2086
        "$program" "$folder" "$name" "features=$folder/$peer" ${SETTINGS:-} | sed "s/^/$peer /"
        rm -rf "${folder:?}/$peer"
    done
    rm "$folder/$name.rgb" "$folder/$name.gt"
done | tee "$folder/table"
awk '{ j[$1] += $3; n[$1]++ } END { for (p in j) printf "%-8s mean of %d: %.4f\n", p, n[p], j[p] / n[p] }' "$folder/table"
