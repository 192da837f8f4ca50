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

# check 'what' command...
check() {
    what=$1
    shift
    if "$@"; then pass; else fail "$what"; fi
}

# ends arguments...: runs the program; its exit code is in $code, what it said in stdout.txt and stderr.txt.
ends() {
    "$hfprop" "$@" >stdout.txt 2>stderr.txt </dev/null
    code=$?
}

# ends_well 'what' arguments...
ends_well() {
    what=$1
    shift
    ends "$@"
    [ $code = 0 ] && pass || fail "$what: exit $code: $(cat stderr.txt)"
}

# ends_not 'what' CODE 'text on stderr' arguments...
ends_not() {
    what=$1 want=$2 text=$3
    shift 3
    ends "$@"
    [ $code = "$want" ] && grep -qF -e "$text" stderr.txt && pass || fail "$what: exit $code, want $want: $(cat stderr.txt)"
}

# bad CODE 'piece of the message' arguments...: a refusal that leaves nothing behind. A test may define anew what is
# done before each and what counts as left behind. (Under the sanitizers a leak or a bad access shows as another code.)
before_bad() { :; }
left_behind() { find . -name '*.part'; }
bad() {
    want=$1 text=$2
    shift 2
    before_bad
    ends "$@"
    if [ $code != "$want" ]; then
        fail "exit $code, want $want: hfprop $*: $(head -c 2000 stderr.txt)"
    elif ! grep -qF -e "$text" stderr.txt; then
        fail "says \"$(cat stderr.txt)\", want \"$text\": hfprop $*"
    elif [ -n "$(left_behind)" ]; then
        fail "left $(left_behind): hfprop $*"
    else
        pass
    fi
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
