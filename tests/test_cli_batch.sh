# test_cli_batch.sh HFPROP - hfprop batch: lists, folders, the archive, restart, parts.
. "$(dirname "$0")/cli_fixture.sh"

batch() { ends batch "$@"; }
batch_ok() { # 'what' arguments...
    what=$1
    shift
    ends_well "$what" batch "$@"
}
batch_not() { # 'what' CODE 'text on stderr' arguments...
    what=$1 want=$2 text=$3
    shift 3
    ends_not "$what" "$want" "$text" batch "$@"
}
same_results() { diff -r -x .hfprop "$1" "$2" >difference.txt || { cat difference.txt; false; }; }
has_frames() { [ "$(frames_of "$1")" = "$2" ]; }

mkdir shots
video shots/a.mp4 12 -c:v libx264
video "shots/b 2.mkv" 9 -c:v ffv1
video shots/alone.mp4 3 -c:v libx264
mkdir shots/c
ffmpeg -nostdin -v error -i shots/a.mp4 -frames:v 5 shots/c/%04d.png
mask shots/a.png 0
mask "shots/b 2.mask.0.png" 0
mask "shots/b 2.mask.8.png" 8
mask shots/c_mask.png 0

cat >list.txt <<'L'
# a list of runs
shots/a.mp4 --mask shots/a.png -o {name}.mkv --codec ffv1

'shots/b 2.mkv' --mask "0=shots/b 2.mask.0.png" --mask 8=shots/b\ 2.mask.8.png --masks only/{name} -o none   # two key frames
shots/c --mask shots/c_mask.png --match first -o sub.mkv
L

# ---- what is written ----

batch_ok 'a list' list.txt -o whole --masks 'masks/{name}'
check 'the name stands for the input' has_frames whole/a.mkv 12
check 'a line has its own outputs' test ! -e "whole/b 2.mp4" -a -e "whole/only/b 2/00008.png" -a ! -e "whole/masks/b 2"
check 'a folder of images' test -e whole/masks/c/0005.png -a -e whole/sub.mkv
python3 -c "import json
assert json.load(open('whole/.hfprop/c.run.json'))['in_use']['match'] == 'first'
assert json.load(open('whole/.hfprop/a.run.json'))['in_use']['match'] == 'context'" && pass || fail 'options of a line are its own'
batch_ok 'a folder' shots -o folder --match first --name '{name}.mkv' --codec ffv1
check 'has a run for each video with a mask' test -e folder/a.mkv -a -e "folder/b 2.mkv" -a -e folder/c.mkv -a ! -e folder/alone.mkv
check 'and says what it leaves out' grep -q '1 video without a mask is left out' stderr.txt
"$hfprop" batch - -o piped --masks 'masks/{name}' <list.txt >stdout.txt 2>stderr.txt
check 'a list from a pipe gives the same' same_results whole piped

# ---- again, in parts, killed ----

before=$(stat -c %y whole/a.mkv)
batch_ok 'again' list.txt -o whole --masks 'masks/{name}'
check 'what is done is not done again' test "$before" = "$(stat -c %y whole/a.mkv)"
for k in 2 1; do batch_ok "part $k" list.txt -o parts --masks 'masks/{name}' --shard $k/2 -j2; done
check 'parts give the same' same_results whole parts
echo 'shots/a.mp4 --mask shots/a.png --k 3 -o {name}.mkv --codec ffv1' >other.txt
batch_not 'a line that has changed' 2 'a was made with another --k' other.txt -o whole
batch_ok 'is done anew with -y' other.txt -o parts -y

video long.mp4 200 -c:v libx264
mask long.png 0
echo "long.mp4 --mask long.png -o long.mkv --codec ffv1 --render mask --masks long" >long.txt
batch_ok 'one that takes longer' long.txt -o long-whole
for at in 3 60; do
    rm -f "$(printf 'killed/long/%05d.png' $at)"
    "$hfprop" batch long.txt -o killed -q 2>stderr.txt &
    pid=$!
    tries=0
    while [ ! -e "$(printf 'killed/long/%05d.png' $at)" ] && [ $tries -lt 2000 ]; do sleep 0.01; tries=$((tries + 1)); done
    kill -KILL $pid
    wait $pid 2>/dev/null
    check 'a killed run leaves no video' test ! -e killed/long.mkv
done
batch_ok 'after kill -9' long.txt -o killed
check 'killed and begun again, the masks are the same' diff -r long-whole/long killed/long
for v in long-whole killed; do ffmpeg -nostdin -v error -i $v/long.mkv -map 0:v -f md5 - >$v.md5; done
check 'and the video is' cmp -s long-whole.md5 killed.md5
"$hfprop" batch long.txt -o interrupted -q 2>stderr.txt &
pid=$!
while [ ! -e interrupted/long/00020.png ] && kill -0 $pid; do sleep 0.01; done
kill -INT $pid
wait $pid
code=$?
check "exit $code after Ctrl-C" test $code = 130
check 'a playable part is there' test "$(frames_of interrupted/long.mkv)" -ge 20
batch_ok 'after Ctrl-C' long.txt -o interrupted -v
check 'it goes on' grep -q 'long: going on' stderr.txt
ffmpeg -nostdin -v error -i interrupted/long.mkv -map 0:v -f md5 - >interrupted.md5
check 'to the same video' cmp -s long-whole.md5 interrupted.md5

# ---- the archive ----

batch_ok 'with an archive' list.txt -o first-place --archive done.txt
check 'it has a line a run' test "$(grep -c ' ' done.txt)" = 3
batch_ok 'somewhere else' list.txt -o second-place --archive done.txt
check 'nothing is done that the archive has' test ! -e second-place/a.mkv
touch -d '2001-01-01' shots/a.png
batch_ok 'a mask that has changed' list.txt -o second-place --archive done.txt
check 'is done again' test -e second-place/a.mkv -a ! -e second-place/sub.mkv
echo 'no archive' >bad.txt
batch_not 'a file that is no archive' 3 'line 1 is not of an archive' list.txt -o third-place --archive bad.txt

# ---- refusals ----

line() { printf '%s\n' "$1" >bad-list.txt; }
line "'shots/a.mp4 --mask shots/a.png"
batch_not 'an open quote' 3 "bad-list.txt: line 1: the quote ' is not closed" bad-list.txt -o bad
line 'shots/a.mp4 --mask shots/a.png --kk 3'
batch_not 'an option that is none' 2 'bad-list.txt: line 1: --kk: no such option, did you mean --k?' bad-list.txt -o bad
line 'shots/a.mp4'
batch_not 'a line without a mask' 2 'line 1: nothing to carry through shots/a.mp4' bad-list.txt -o bad
line 'shots/a.mp4 --mask shots/a.png --resume'
batch_not 'what belongs to the list' 2 'line 1: --resume cannot stand on a line of a list' bad-list.txt -o bad
line '- --mask shots/a.png'
batch_not 'a pipe on a line' 2 'an input from a pipe cannot stand on a line' bad-list.txt -o bad
printf 'shots/a.mp4 --mask shots/a.png\nshots/a.mp4 --mask shots/a.png -o x.mp4\n' >bad-list.txt
batch_not 'two runs of one name' 2 'line 2: a: there are two runs of this name' bad-list.txt -o bad
printf 'shots/a.mp4 --mask shots/a.png -o x.mkv\nshots/c --mask shots/c_mask.png -o x.mkv\n' >bad-list.txt
batch_not 'two runs into one file' 2 'x.mkv: would be written by a and by c' bad-list.txt -o bad
batch_not 'one folder of masks for all' 2 'would be written by a and by' list.txt -o bad --masks all
line '# nothing'
batch_not 'an empty list' 3 'no run in this list' bad-list.txt -o bad
batch_not 'no list' 3 'No such file' nowhere.txt -o bad
batch_not 'a log that is the list' 2 'is read by this run' list.txt -o bad --log-json list.txt
check 'the list is as it was' grep -q 'a list of runs' list.txt
mkdir empty
batch_not 'a folder without videos' 3 'no video in it has a mask beside it' empty -o bad
check 'a refused list leaves nothing but a folder' test -z "$(ls bad)"
printf 'shots/a.mp4 --mask shots/a.png\nshots/none.mp4 --mask shots/a.png\n' >bad-list.txt
batch_not 'a video that is not there' 6 'none: shots/none.mp4: No such file' bad-list.txt -o bad
check 'does not stop the others' has_frames bad/a.mp4 12
line 'shots/none.mp4 --mask shots/a.png'
batch_not 'all runs failed in one way' 3 'none: shots/none.mp4' bad-list.txt -o worse

finish
