# test_cli_interrupt.sh HFPROP - Ctrl-C, --resume, kill -9.
. "$(dirname "$0")/cli_fixture.sh"

# Long enough that the run is still going when the signal comes.
n=240
make -i "$scene" -f lavfi -i sine=440 -t 24 -pix_fmt yuv420p -c:v libx264 -g 12 -c:a aac clip.mp4
mask mask.png 0
mask mask20.png 20

# Wait until the log tells of $1 frames, then send signal $2 to the run.
interrupt_after() {
    tries=0
    while [ "$(cat log.json 2>/dev/null | grep -c '"frame"')" -lt "$1" ] && [ $tries -lt 3000 ]; do
        sleep 0.01
        tries=$((tries + 1))
        kill -0 "$pid" 2>/dev/null || return 1
    done
    kill "-$2" "$pid"
}

# One whole run and one in pieces must be the same. $1 name, $2 frame of the stop, the rest: arguments. $batch: frames that
# are shown ahead in the pieces.
in_pieces() {
    name=$1 stop=$2
    shift 2
    "$hfprop" clip.mp4 "$@" -o "$name-whole.mkv" --codec ffv1 --render overlay --masks "$name-whole" -q || fail "$name: whole run"
    rm -f log.json
    "$hfprop" clip.mp4 "$@" --batch $batch -o "$name.mkv" --codec ffv1 --render overlay --masks "$name" -q --log-json log.json 2>stderr.txt &
    pid=$!
    if ! interrupt_after "$stop" INT; then
        fail "$name: the run was over before the signal"
        return
    fi
    wait $pid
    code=$?
    [ $code = 130 ] && pass || fail "$name: exit $code after SIGINT, want 130: $(cat stderr.txt)"
    part=$(frames_of "$name.mkv")
    [ "${part:-0}" -ge "$stop" ] && [ "$part" -lt $n ] && pass || fail "$name: $part frames in the interrupted file"
    [ -e "$name.mkv.hfprop.resume" ] && pass || fail "$name: no checkpoint"
    "$hfprop" clip.mp4 "$@" --batch $batch -o "$name.mkv" --codec ffv1 --render overlay --masks "$name" -q --resume 2>stderr.txt && pass ||
        fail "$name: --resume: $(cat stderr.txt)"
    [ "$(frames_of "$name.mkv")" = $n ] && pass || fail "$name: $(frames_of "$name.mkv") frames after --resume"
    diff -rq -x '*.json' "$name" "$name-whole" && pass || fail "$name: masks differ after --resume"
    ffmpeg -nostdin -v error -i "$name.mkv" -map 0:v -f md5 - >a.md5
    ffmpeg -nostdin -v error -i "$name-whole.mkv" -map 0:v -f md5 - >b.md5
    cmp -s a.md5 b.md5 && pass || fail "$name: the video differs after --resume"
    [ ! -e "$name.mkv.hfprop.resume" ] && [ ! -e "$name.mkv.hfprop.state" ] && pass || fail "$name: checkpoint stays"
    find . -name '*.part' | grep -q . && fail "$name: .part left" || pass
}

batch=1
in_pieces forward 20 --mask mask.png
in_pieces backward 5 --mask 20=mask20.png
batch=7
in_pieces between 10 --mask 0=mask.png --mask 20=mask20.png
in_pieces first 10 --mask mask.png --match first

# Other settings do not fit.
rm -f log.json
"$hfprop" clip.mp4 --mask mask.png -o other.mp4 -q --log-json log.json 2>/dev/null &
pid=$!
interrupt_after 5 INT
wait $pid
"$hfprop" clip.mp4 --mask mask.png -o other.mp4 --k 3 --resume 2>stderr.txt
[ $? = 2 ] && grep -qF -e '--k is not what it was' stderr.txt && pass || fail "other settings: $(cat stderr.txt)"
[ "$(frames_of other.mp4)" -ge 5 ] && pass || fail 'a refused --resume harmed the file'

# kill -9 leaves no file with the final name.
rm -f log.json
"$hfprop" clip.mp4 --mask mask.png -o killed.mp4 --masks killed -q --log-json log.json 2>/dev/null &
pid=$!
interrupt_after 5 KILL
wait $pid 2>/dev/null
[ ! -e killed.mp4 ] && pass || fail 'kill -9 left a final file'
for f in killed/*.png; do
    ffmpeg -nostdin -v error -i "$f" -f null - 2>&1 | grep -q . && fail "kill -9 left a broken $f"
done
# The next run works as if nothing had been.
"$hfprop" clip.mp4 --mask mask.png -o killed.mp4 --masks killed -q -y && [ "$(frames_of killed.mp4)" = $n ] && pass ||
    fail 'the run after a kill -9'

# Two signals end at once.
rm -f log.json
"$hfprop" clip.mp4 --mask mask.png -o twice.mp4 -q --log-json log.json 2>/dev/null &
pid=$!
interrupt_after 3 INT
kill -INT $pid 2>/dev/null
wait $pid
[ $? = 130 ] && pass || fail 'two signals'

finish
