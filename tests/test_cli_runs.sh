# test_cli_runs.sh HFPROP - whole runs: what is written is there, whole and as promised.
. "$(dirname "$0")/cli_fixture.sh"

run() {
    if ! "$hfprop" "$@" >stdout.txt 2>stderr.txt </dev/null; then
        fail "hfprop $*: $(cat stderr.txt)"
        return 1
    fi
}

# check 'what' command...
check() {
    what=$1
    shift
    if "$@"; then pass; else fail "$what"; fi
}

n_files() { [ "$(ls "$1" | grep -c "$2")" = "$3" ]; }
has_frames() { [ "$(frames_of "$1")" = "$2" ]; }
stream_is() { ffprobe -v error -select_streams "$2" -show_entries "stream=$3" -of csv=p=0 "$1" | grep -qx "$4"; }
same_packets() {
    a=$(ffprobe -v error -select_streams "$3" -show_packets "$1" | grep -E '^size' | md5sum)
    b=$(ffprobe -v error -select_streams "$3" -show_packets "$2" | grep -E '^size' | md5sum)
    [ "$a" = "$b" ]
}
pts_of() { ffprobe -v error -select_streams v:0 -show_entries frame=pts_time -of csv=p=0 "$1" | tr -d , ; }
same_pts() { [ "$(pts_of "$1")" = "$(pts_of "$2")" ]; }
# At most $3 % of the pixels of two PNG masks differ.
mask_near() {
    ffmpeg -nostdin -v error -i "$1" -i "$2" -filter_complex \
        "[0]format=gray,lutyuv=y='if(gt(val,0),255,0)'[a];[1]format=gray,lutyuv=y='if(gt(val,0),255,0)'[b];[a][b]blend=all_mode=difference,format=gray" \
        -f rawvideo - >difference.raw
    python3 -c "d = open('difference.raw', 'rb').read(); share = 100 * (len(d) - d.count(0)) / len(d)
assert share <= $3, '%.2f %% of the pixels differ' % share"
}

make -i "$scene" -f lavfi -i sine=440 -t 1.2 -pix_fmt yuv420p -c:v libx264 -c:a aac clip.mp4
mask mask.png 0
mask mask6.png 6
# Large enough to be followed: at 64 x 48 there are only 8 x 6 feature cells.
make -i "$(scene_of 4)" -frames:v 12 -pix_fmt yuv420p -c:v libx264 -crf 12 large.mp4
make -i "nullsrc=s=256x192,format=rgba,geq=r=255:g=0:b=0:a='if(lt(hypot(X-80,Y-96),24),255,0)'" -frames:v 1 large-edit.png
for f in 0 6 11; do mask large$f.png $f 4; done
make -i "nullsrc=s=64x48,format=rgba,geq=r=255:g=0:b=0:a='if(lt(hypot(X-20,Y-24),6),255,0)'" -frames:v 1 edit.png

# The default output, with the audio.
run clip.mp4 --mask mask.png
check 'default output has all frames' has_frames clip.hfprop.mp4 12
check 'audio is copied' same_packets clip.mp4 clip.hfprop.mp4 a:0
check 'sidecar is JSON' python3 -c 'import json; d = json.load(open("clip.hfprop.mp4.hfprop.json")); assert len(d["frames"]) == 12 and d["state"] == "done", d'
check 'sidecar tells the batch in use' grep -q '"batch": *1,' clip.hfprop.mp4.hfprop.json
check 'no checkpoint stays' test ! -e clip.hfprop.mp4.hfprop.resume

# Each container.
for ext in mov webm mkv; do
    run clip.mp4 --mask mask.png -o "alpha.$ext"
    check "$ext has all frames" has_frames "alpha.$ext" 12
done
check 'mov is ProRes with alpha' stream_is alpha.mov v:0 codec_name prores
check 'mkv is FFV1' stream_is alpha.mkv v:0 codec_name ffv1
check 'webm is VP9' stream_is alpha.webm v:0 codec_name vp9

# Masks: every frame, ids kept, the drawn frame exactly, the disc followed.
run clip.mp4 --mask mask.png -o none --masks masks --mattes mattes --matte-depth 16
check '12 masks' n_files masks '^[0-9]*.png$' 12
check '12 mattes' n_files mattes png 12
check 'mattes have 16 bits' stream_is mattes/00000.png v:0 pix_fmt gray16be
check 'masks are indexed' stream_is masks/00000.png v:0 pix_fmt pal8
check 'the drawn mask comes back exactly' mask_near masks/00000.png mask.png 0
check 'sidecar lies in the folder' test -s masks/hfprop.json

# Every kind of picture.
for render in overlay mask matte side-by-side colormap; do
    run clip.mp4 --mask mask.png --render $render -o $render.mp4
    check "$render has all frames" has_frames $render.mp4 12
done
check 'side by side is twice as wide' stream_is side-by-side.mp4 v:0 width 128

# An edit, alone and with a mask.
run large.mp4 --edit large-edit.png -o edit.mkv --codec ffv1
check 'edit has all frames' has_frames edit.mkv 12
ffmpeg -nostdin -v error -y -i large.mp4 -vf extractplanes=y -f rawvideo a.raw
ffmpeg -nostdin -v error -y -i edit.mkv -vf extractplanes=y -f rawvideo b.raw
check 'the edit is in every frame and the rest is untouched' python3 - <<'PY'
a, b = open('a.raw', 'rb').read(), open('b.raw', 'rb').read()
w, h = 256, 192
assert len(a) == len(b) == 12 * w * h
changed = [sum(p != q for p, q in zip(a[f*w*h:][:w*h], b[f*w*h:][:w*h])) for f in range(12)]
assert all(900 < c < 4000 for c in changed), changed
top = [a[f*w*h:][:32*w] == b[f*w*h:][:32*w] for f in range(12)]
assert all(top), top
PY
run clip.mp4 --mask mask.png --edit edit.png -o both.mp4 --masks both
check 'edit and masks together' n_files both '^[0-9]*.png$' 12

# The disc is followed, in both ways of matching.
for match in first context; do
    run large.mp4 --mask large0.png -o none --masks follow-$match --match $match
    check "$match: the first frame" mask_near follow-$match/00000.png large0.png 0
    check "$match: the disc is followed" mask_near follow-$match/00011.png large11.png 1.5
done

# Key frames: two, one in the middle, ranges and directions.
run large.mp4 --mask 0=large0.png --mask 11=large11.png -o none --masks two
check 'first key exactly' mask_near two/00000.png large0.png 0
check 'last key exactly' mask_near two/00011.png large11.png 0
check 'between the keys' mask_near two/00006.png large6.png 1.5
run large.mp4 --mask 6=large6.png -o middle.mp4 --masks middle
check 'a key in the middle reaches the first frame' mask_near middle/00000.png large0.png 1.5
check 'and the last' mask_near middle/00011.png large11.png 1.5
run large.mp4 --mask 6=large6.png -o none --masks middle-first --match first
check 'backward without passes' mask_near middle-first/00000.png large0.png 1.5
run clip.mp4 --mask 6=mask6.png -o none --masks forward --direction forward
check 'forward leaves earlier frames empty' python3 -c 'import subprocess
d = subprocess.run("ffmpeg -v error -i forward/00003.png -f rawvideo -pix_fmt rgb24 -".split(), capture_output=True).stdout
assert d and not any(d)'
run clip.mp4 --mask 6=mask6.png -o range.mp4 --masks range --from 4 --to 8
check 'a range has its frames' has_frames range.mp4 5
check 'and its numbers' test -e range/00004.png -a -e range/00008.png -a ! -e range/00009.png

# Folders of images: names are kept.
mkdir frames
ffmpeg -nostdin -v error -i clip.mp4 -start_number 998 frames/shot_%d.png
run frames --mask mask.png -o none --masks named
check 'names are kept, in natural order' test -e named/shot_998.png -a -e named/shot_1009.png
check 'the first of natural order is the drawn frame' mask_near named/shot_998.png mask.png 0
run frames/shot_%d.png --mask mask.png -o folder/ --start-number 1001 --fps 25
check 'numbers can be chosen' test -e folder/01001.png -a -e folder/01012.png
run frames/ --mask mask.png
check 'a folder makes a video beside it' has_frames frames.hfprop.mp4 12

run frames --mask mask.png -o all.mp4
check 'all images are there' test "$(grep -c missing stderr.txt)" = 0
rm frames/shot_1003.png
run frames --mask mask.png -o gap.mp4
check 'one that is missing is told' grep -q 'frames: 1 number is missing' stderr.txt
rm frames/shot_1001.png frames/shot_1004.png frames/shot_1005.png frames/shot_1007.png frames/shot_1009.png frames/shot_999.png
run frames --mask mask.png -o second.mp4
check 'every second one is a choice, one of these is missing' grep -q 'frames: 1 number is missing' stderr.txt
rm frames/shot_100*
cp frames/shot_998.png frames/b_7.png
run frames --mask mask.png -o two.mp4
check 'other names are no sequence' test "$(grep -c missing stderr.txt)" = 0

# Sound that the output cannot hold.
run clip.mp4 --mask mask.png -o sound.gif
check 'a GIF is written without the sound' has_frames sound.gif 12
check 'and the sound is told of' grep -q 'warning: .*aac) is left out: gif cannot hold it' stderr.txt

# Transparency that the output cannot hold.
make -i "$scene" -frames:v 3 -vf format=yuva420p -c:v ffv1 glass.mkv
run glass.mkv --mask mask.png -o glass.mp4
check 'lost transparency is told' grep -q 'warning: the transparency of glass.mkv is left out: libx264 has none' stderr.txt
run glass.mkv --mask mask.png -o kept.mkv --render overlay --codec ffv1
check 'transparency is kept where it can be' stream_is kept.mkv v:0 pix_fmt yuva420p
check 'and nothing is told of it' test "$(grep -c transparency stderr.txt)" = 0

# Pipes.
ffmpeg -nostdin -v error -i clip.mp4 -f yuv4mpegpipe - | "$hfprop" - --mask mask.png -o - 2>stderr.txt >piped.y4m
check "pipe in, pipe out: $(cat stderr.txt)" has_frames piped.y4m 12
ffmpeg -nostdin -v error -i clip.mp4 -c copy -f matroska - | "$hfprop" - --mask mask.png -o piped.mp4 2>stderr.txt
check "Matroska in a pipe: $(cat stderr.txt)" has_frames piped.mp4 12

# Uneven time stamps stay.
ffmpeg -nostdin -v error -i clip.mp4 -vf "setpts='(N+gt(N,5)*7+gt(N,9)*3)/10/TB'" -fps_mode passthrough -an vfr.mkv
run vfr.mkv --mask mask.png -o vfr.mp4
check 'time stamps are kept' same_pts vfr.mkv vfr.mp4

# Names that are no UTF-8, and names that look like options or formats.
odd=$(printf 'odd \377%%d -x.mp4')
cp clip.mp4 "$odd"
run "./$odd" --mask mask.png -o odd.mp4 --json
check 'a name of any bytes' python3 -c 'import json; [json.loads(line) for line in open("stdout.txt")]'
cp clip.mp4 ./--odd.mp4
run --mask mask.png -o odd2.mp4 -- --odd.mp4
check 'a name that begins with dashes' has_frames odd2.mp4 12

# Events, log, dry run.
run clip.mp4 --mask mask.png -o events.mp4 --json --log-json log.json
check 'events are JSON lines' python3 -c '
import json
events = [json.loads(line) for line in open("stdout.txt")]
names = [e["event"] for e in events if e["event"] != "warning"]
assert names == ["start"] + ["frame"] * 12 + ["done"], names
assert events[-1]["state"] == "done" and events[1]["area_px"]["1"] > 300
assert [json.loads(line)["event"] for line in open("log.json")] == [e["event"] for e in events]'
run clip.mp4 --mask 0=mask.png --mask 6=mask6.png --masks dry -o dry.mp4 --dry-run
check 'a dry run tells the passes' grep -q 'backward from 6' stdout.txt
check 'a dry run tells the memory' grep -q 'MB for the session' stdout.txt
check 'a dry run writes nothing' test ! -e dry -a ! -e dry.mp4
check 'a dry run tells the speed' grep -q 'ms a frame' stdout.txt
run clip.mp4 --mask mask.png -o dry.mp4 --dry-run --json
check 'a dry run as JSON is one event' python3 -c '
import json
lines = open("stdout.txt").read().splitlines()
plan = json.loads(lines[0])
assert len(lines) == 1 and plan["event"] == "plan" and plan["frames"] == 12, lines
assert plan["session_bytes"] > 1e6 and plan["ms"] > 0 and plan["in_use"]["batch"] == 1, plan'
run clip.mp4 --mask mask.png -o quiet.mp4 -q
check 'quiet is quiet' test ! -s stderr.txt
run doctor
check 'doctor knows the backends' grep -q 'backend cpu' stdout.txt
run --version
run --help
for shell in bash zsh fish; do
    run --completion $shell
    cp stdout.txt completion.$shell
done
check 'bash completion is bash' bash -n completion.bash
check 'bash completes options' test "$(bash -c '. ./completion.bash; COMP_WORDS=(hfprop --mask-f); COMP_CWORD=1; _hfprop; echo ${COMPREPLY[*]}')" = --mask-fit
check 'bash completes choices' test "$(bash -c '. ./completion.bash; COMP_WORDS=(hfprop --match c); COMP_CWORD=2; _hfprop; echo ${COMPREPLY[*]}')" = context

# On a terminal (script makes one): a bar, and a question before an existing file is replaced.
if script -qec true typescript >/dev/null 2>&1 </dev/null; then
    export TERM=xterm
    printf 'n\n' | script -qec "'$hfprop' clip.mp4 --mask mask.png -o quiet.mp4" typescript >/dev/null
    check 'a terminal is asked before overwriting' grep -q 'overwrite? \[y/N\]' typescript
    script -qec "'$hfprop' large.mp4 --mask large0.png -o bar.mp4 --progress bar" typescript >/dev/null </dev/null
    check 'a bar is drawn' grep -q 'frames/s' typescript
    check 'the bar leaves the line' grep -q "$(printf '\r\033\\[K')" typescript
else
    skip 'terminal: the script program can make none here'
fi
check 'no colours in a file' test -z "$(grep "$(printf '\033')" stdout.txt stderr.txt)"

finish
