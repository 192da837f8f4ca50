# cli_fixture.sh - small inputs for the tests of the program; read by them with `.`.
#
# Sets: hfprop (absolute path), dir (a temporary folder, the working folder, removed at the end)
# and functions. Everything is 64 x 48 and a few frames long.

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

# A disc of texture that moves over another texture: trackable, and cheap to make. Its middle
# in frame N is at x = 32 - 12 cos(0.12 N).
disc() { echo "lt(hypot(X-32+12*cos(0.12*$1),Y-24),12)"; }
scene="nullsrc=s=64x48:r=10,geq=lum='if($(disc N),180+40*sin(X+12*cos(0.12*N))*cos(Y),70+30*sin(X*1.3)*sin(Y*0.9))':cb='if($(disc N),90,140)':cr='if($(disc N),170,110)'"

# $1 name, $2 frames, the rest: more options of ffmpeg.
video() {
    video_name=$1 video_n=$2
    shift 2
    make -i "$scene" -frames:v "$video_n" -pix_fmt yuv420p "$@" "$video_name"
}

# A gray mask of the disc in frame $2.
mask() {
    make -i "nullsrc=s=64x48:r=10,format=gray,geq=lum='if($(disc $2),255,0)'" -frames:v 1 "$1"
}

# Number of frames that decode.
frames_of() {
    ffprobe -v error -count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of csv=p=0 "$1" | tr -d ,
}
