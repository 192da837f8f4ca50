#!/bin/sh
# submit.sh N ROOT RESULTS [options of hfprop davis] - N parts side by side, then the scores.
#
# Prints the two job numbers. SBATCH_OPTIONS goes to sbatch (--partition=..., --gres=gpu:1, ...), HFPROP names the program.
set -eu
if [ $# -lt 3 ] || ! [ "$1" -ge 1 ] 2>/dev/null; then
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(dirname "$0")
n=$1
shift
# SBATCH_OPTIONS is meant to be split into words.
parts=$(sbatch --parsable ${SBATCH_OPTIONS:-} --array=1-"$n" "$here/davis.sbatch" "$@")
scores=$(sbatch --parsable ${SBATCH_OPTIONS:-} --dependency=afterok:"${parts%%;*}" --kill-on-invalid-dep=yes "$here/score.sbatch" "$@")
echo "${parts%%;*} ${scores%%;*}"
