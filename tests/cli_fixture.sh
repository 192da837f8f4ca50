# cli_fixture.sh - small inputs for the tests of the program; read by them with `.`.
#
# Sets: hfprop (absolute path), dir (a temporary folder, the working folder, removed at the end)
# and functions. Most are 64 x 48 and a few frames long.

hfprop=$(readlink -f "$1")
dir=$(mktemp -d "${TMPDIR:-/tmp}/hfprop-cli-XXXXXX")
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n_passed=0 n_failed=0 n_skipped=0

if ! command -v ffmpeg >/dev/null; then
    echo "skipped: the ffmpeg program is not installed (package ffmpeg)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 77
fi

pass() { n_passed=$((n_passed + 1)); }
fail() { n_failed=$((n_failed + 1)); echo "FAIL: $*"; }
skip() { n_skipped=$((n_skipped + 1)); echo "skipped: $*"; }
finish() {
    echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
    [ "$n_failed" = 0 ]
    exit
}

make() { ffmpeg -nostdin -v error -y -f lavfi "$@" </dev/null || fail "fixture: $*"; }

# A disc of texture that moves over another texture: trackable, and cheap to make. In units of a
# 64 x 48 picture, its middle in frame N is at (32 - 12 cos(0.12 N), 24) and its radius 12. $1: N, $2: scale.
disc() { echo "lt(hypot(X/$2-32+12*cos(0.12*$1),Y/$2-24),12)"; }
scene_of() {
    echo "nullsrc=s=$((64 * $1))x$((48 * $1)):r=10,geq=lum='if($(disc N $1),180+40*sin(X/$1+12*cos(0.12*N))*cos(Y/$1),70+30*sin(X/$1*1.3)*sin(Y/$1*0.9))':cb='if($(disc N $1),90,140)':cr='if($(disc N $1),170,110)'"
}
scene=$(scene_of 1)

# $1 name, $2 frames, the rest: more options of ffmpeg.
video() {
    video_name=$1 video_n=$2
    shift 2
    make -i "$scene" -frames:v "$video_n" -pix_fmt yuv420p "$@" "$video_name"
}

# $1 name: a gray mask of the disc in frame $2, at scale $3 (1).
mask() {
    make -i "nullsrc=s=$((64 * ${3:-1}))x$((48 * ${3:-1})),format=gray,geq=lum='if($(disc "$2" "${3:-1}"),255,0)'" -frames:v 1 "$1"
}

# Number of frames that decode.
frames_of() {
    ffprobe -v error -count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of csv=p=0 "$1" | tr -d ,
}
