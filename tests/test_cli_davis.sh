# test_cli_davis.sh HFPROP - hfprop davis on small trees: layout, scores, restart after kill -9, shards, one bad sequence.
. "$(dirname "$0")/cli_fixture.sh"

# A tree under $1 with sequence $2 of $3 frames, $4 wide and 48 high (72: 480p is not always 854 wide). Ids by the
# expression $5 in gray.
sequence() {
    mkdir -p "$1/JPEGImages/480p/$2" "$1/Annotations/480p/$2"
    make -i "$(scene_of 1 | sed "s/s=64x48/s=$4x48/")" -frames:v "$3" -pix_fmt yuvj420p -q:v 2 -start_number 0 "$1/JPEGImages/480p/$2/%05d.jpg"
    make -i "nullsrc=s=$4x48:r=10,format=gray,geq=lum='$5'" -frames:v "$3" -start_number 0 "$1/Annotations/480p/$2/%05d.png"
}
left="lt(X/1-32+12*cos(0.12*N),0)"
two="if($(disc N 1),if($left,1,3),0)"                                                # ids 1 and 3, 2 is left out
void="if($(disc N 1),1,if(lt(hypot(X-32+12*cos(0.12*N),Y-24),14),255,0))"            # a ring of void
binary="if($(disc N 1),255,0)"

sequence tree wide 12 72 "$two"
sequence tree void 9 64 "$void"
sequence tree short 5 64 "if($(disc N 1),1,0)"
mkdir -p tree/ImageSets/2017
printf 'wide\nvoid\nshort\n' >tree/ImageSets/2017/val.txt

davis() { ends davis "$@"; }
davis_ok() { # 'what' arguments...
    what=$1
    shift
    ends_well "$what" davis "$@"
}
davis_not() { # 'what' CODE 'text on stderr' arguments...
    what=$1 want=$2 text=$3
    shift 3
    ends_not "$what" "$want" "$text" davis "$@"
}
same_results() { diff -r -x .hfprop $3 "$1" "$2" >difference.txt || { cat difference.txt; false; }; }

# ---- what is written ----

davis_ok 'a whole tree' tree -o whole
check 'a mask a frame, nothing else' test "$(cd whole && find . -path ./.hfprop -prune -o -type f -print | sort | tr '\n' ' ')" = \
    "$(for s in short:4 void:8 wide:11; do for f in $(seq 0 "${s#*:}"); do printf './%s/%05d.png ' "${s%:*}" "$f"; done; done |
        { printf './global_results-val.csv ./per-sequence_results-val.csv ./scores-val.json '; cat; } | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/^ //')"
check 'ids of the first annotation, palette of DAVIS, no void' python3 - <<'PY'
import struct, zlib
def chunks(path):
    data = open(path, 'rb').read()
    at, found = 8, {}
    while at < len(data):
        n, kind = struct.unpack('>I4s', data[at:at + 8])
        found[kind] = found.get(kind, b'') + data[at + 8:at + 8 + n]
        at += n + 12
    return found
def ids(path):
    c = chunks(path)
    w, h, bits, color = struct.unpack('>IIBB', c[b'IHDR'][:10])
    assert (bits, color) == (8, 3), (bits, color)
    assert c[b'PLTE'][:12] == bytes([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]), c[b'PLTE'][:12]
    raw = zlib.decompress(c[b'IDAT'])
    before, out = bytes(w), b''
    for y in range(h):
        kind, row = raw[y * (w + 1)], bytearray(raw[y * (w + 1) + 1:(y + 1) * (w + 1)])
        for x in range(w):
            a, b, d = row[x - 1] if x else 0, before[x], before[x - 1] if x else 0
            p = a + b - d
            near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - d), 2, d))[2]
            row[x] = row[x] + [0, a, b, (a + b) // 2, near][kind] & 255
        before, out = bytes(row), out + bytes(row)
    return (w, h), set(out)
for f in range(12):
    size, found = ids('whole/wide/%05d.png' % f)
    assert size == (72, 48) and found <= {0, 1, 3} and 1 in found, (f, size, found)
for f in range(9):
    assert ids('whole/void/%05d.png' % f)[1] == {0, 1}
PY
cp stdout.txt table.txt
"$hfprop" eval whole --davis tree -o scores >stdout.txt 2>stderr.txt
check 'the scores are those of hfprop eval' cmp -s table.txt stdout.txt
for f in global_results-val.csv per-sequence_results-val.csv scores-val.json; do
    check "$f is that of hfprop eval" cmp -s whole/$f scores/$f
done
check 'the disc is followed' python3 -c 'import json
rows = json.load(open("whole/scores-val.json"))["rows"]
assert [(r["sequence"], r["object"]) for r in rows] == [("wide", 1), ("wide", 2), ("wide", 3), ("void", 1), ("short", 1)], rows
assert all(r["J"]["mean"] > 0.7 for r in rows), [(r["sequence"], r["object"], r["J"]["mean"]) for r in rows]'

# ---- again, side by side, in parts ----

before=$(stat -c %Y.%y whole/wide/00000.png)
davis_ok 'again, with a page' tree -o whole --report page.html
check 'the page has every sequence and how it was made' sh -c "grep -q wide page.html && grep -q short page.html && grep -q 'Propagation' page.html"
davis_not 'a page of another name' 2 'want a name that ends in .html' tree -o whole --report page.txt
check 'what is done is not done again' test "$before" = "$(stat -c %Y.%y whole/wide/00000.png)"
davis_ok 'side by side' tree -o side -j3
check 'side by side gives the same' same_results whole side
davis_not 'a run that needs more memory than is allowed' 5 'there are 1 MB' tree -o no-room --memory 1M
davis_ok 'memory for two at once' tree -o bound -j3 --memory 250M --json
check 'at most two run at once' python3 -c 'import json
n = most = 0
for event in map(json.loads, open("stdout.txt")):
    if event["event"] == "run":
        n += 1 if event["state"] == "started" else -1
        most = max(most, n)
assert n == 0 and 1 <= most <= 2, (n, most)'
check 'and give the same' same_results whole bound
for k in 3 1 2; do
    davis_ok "part $k of 3" tree -o parts --shard $k/3
    check 'a part gives no scores' test ! -e parts/scores-val.json
done
check 'each part has a sequence' test "$(ls parts | wc -l)" = 3
davis_ok 'the scores of all parts' tree -o parts --score-only
check 'three parts give the same as one' same_results whole parts
davis_not 'scores before all is done' 2 'is not done' tree -o nothing-there --score-only
davis_not 'a part that is none' 2 '"4/3" is not a part' tree -o parts --shard 4/3
davis_not 'a size that is none' 2 '"much" is not a size' tree -o parts --memory much
"$hfprop" davis tree -o dry --dry-run >stdout.txt 2>stderr.txt
check 'a dry run tells the plan' grep -q 'to do *wide: 12 frames of 72 x 48, 2 objects, about' stdout.txt
check 'a dry run writes nothing' test ! -e dry

# ---- other settings, lost files, foreign files ----

davis_not 'other settings are refused' 2 'was made with another --k' tree -o side --k 3
davis_ok 'or made anew with -y' tree -o side --k 3 -y
davis_ok 'and the first ones again' tree -o side -y
check 'and are the first ones then' same_results whole side
rm side/wide/00007.png
davis_ok 'a mask that was deleted' tree -o side
check 'is made again' same_results whole side
mkdir -p foreign/wide
cp whole/wide/00000.png foreign/wide/
davis_not 'files that are not ours' 2 'exists, and not from this list' tree -o foreign
cp tree/Annotations/480p/short/00000.png kept.png
touch -d '2001-01-01' tree/Annotations/480p/short/00000.png
davis_not 'an annotation that has changed' 2 'has changed since' tree -o side
touch -r kept.png tree/Annotations/480p/short/00000.png

# ---- one bad sequence ----

cp -r tree broken
head -c 100 kept.png >broken/Annotations/480p/void/00000.png
davis broken -o broken-results
check "a bad sequence does not stop the others (exit $code)" test $code = 6 -a -e broken-results/short/00004.png -a -e broken-results/wide/00011.png
check 'and is named' grep -q 'hfprop: error: void: .*00000.png' stderr.txt
check 'and leaves no scores' test ! -e broken-results/scores-val.json
cp tree/Annotations/480p/void/00000.png broken/Annotations/480p/void/
davis_ok 'once mended, it goes on' broken -o broken-results
check 'and gives what the whole tree gives' same_results whole broken-results
rm -r broken/JPEGImages/480p/void
davis_not 'results in the tree' 2 'is a folder of the tree itself' tree -o tree/Annotations/480p -y
davis_not 'a sequence without frames' 3 'neither JPEGImages/480p/void nor JPEGImages/void' broken -o no-frames
davis_not 'no tree' 3 'not a folder' nowhere -o out
davis_not 'no folder of results' 2 'want -o RESULTS' tree

# ---- other layouts ----

mkdir -p flat
cp -r tree/JPEGImages/480p flat/JPEGImages
cp -r tree/Annotations/480p flat/Annotations
davis_ok 'a tree without lists and resolutions' flat -o flat-results --sequences wide,void,short
check 'gives the same masks' same_results whole flat-results '-x scores-val.json' # which names the year
rm flat/Annotations/*/0000[1-9].png flat/Annotations/*/0001?.png
davis_ok 'only first annotations' flat -o test-results --sequences wide,void,short
check 'give the masks' cmp -s whole/wide/00011.png test-results/wide/00011.png
check 'and no scores' test ! -e test-results/scores-val.json
sequence old one 6 64 "$binary"
mkdir -p old/ImageSets/2016
for f in 0 1 2 3 4 5; do echo "/JPEGImages/480p/one/0000$f.jpg /Annotations/480p/one/0000$f.png"; done >old/ImageSets/2016/val.txt
davis_ok 'DAVIS 2016: 0 and 255' old -o old-results
check 'is one object' python3 -c 'import json
rows = json.load(open("old-results/scores-val.json"))["rows"]
assert len(rows) == 1 and rows[0]["J"]["mean"] > 0.8, rows'

# ---- events ----

davis tree -o events --json
check 'events of all runs, then the scores' python3 -c 'import json
events = [json.loads(line) for line in open("stdout.txt")]
kinds = [e["event"] for e in events if e["event"] != "warning"]
assert kinds == ["start"] + ["run", "run"] * 3 + ["scores", "done"], kinds
runs = [e for e in events if e["event"] == "run"]
assert [(e["name"], e["state"]) for e in runs[:2]] == [("wide", "started"), ("wide", "done")], runs
assert runs[1]["frames"] == 12 and runs[1]["peak_bytes"] > 1e7
assert events[-1]["done"] == 3 and events[-1]["failed"] == 0'

# ---- killed, interrupted ----

sequence tree long 200 64 "if($(disc N 1),1,0)"
davis_ok 'one that takes longer' tree -o long-whole --sequences short,long

# Wait for file $1, at most 20 s.
wait_for() {
    tries=0
    while [ ! -e "$1" ] && [ $tries -lt 2000 ]; do
        sleep 0.01
        tries=$((tries + 1))
    done
    [ -e "$1" ]
}
# Processes of runs into folder $1. The brackets keep grep from finding itself.
runs_of() { grep -lz "$1/[.]hfprop/" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3; }

for at in 0 1 20 90 199; do
    file=$(printf 'killed/long/%05d.png' $at)
    rm -f "$file"
    "$hfprop" davis tree -o killed --sequences short,long -q >/dev/null 2>stderr.txt &
    pid=$!
    wait_for "$file" || fail "killed: no $file: $(cat stderr.txt)"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
done
sleep 0.2
check 'no run outlives the program' test -z "$(runs_of "$dir/killed")"
before=$(stat -c %y killed/short/00000.png)
davis_ok 'after kill -9' tree -o killed --sequences short,long
check 'what was done before the kills was not done again' test "$before" = "$(stat -c %y killed/short/00000.png)"
check 'killed five times, it gives the same' same_results long-whole killed

# kill -9 of the run alone: the sequence fails, the next call mends it.
"$hfprop" davis tree -o shot --sequences long -q >/dev/null 2>stderr.txt &
pid=$!
wait_for shot/long/00005.png
kill -KILL $(runs_of "$dir/shot")
wait $pid
code=$?
check "a killed run is a failed run (exit $code)" test $code = 1
check 'and its signal is told' grep -q 'long: its process was killed by signal 9' stderr.txt
davis_ok 'after that' tree -o shot --sequences long

for signal in INT TERM; do
    rm -rf interrupted
    "$hfprop" davis tree -o interrupted --sequences short,long -j2 -q >/dev/null 2>stderr.txt &
    pid=$!
    wait_for interrupted/long/00010.png
    kill -$signal $pid
    # The whole job may get it: a run must not take the second one for impatience.
    kill -TERM $(runs_of "$dir/interrupted") 2>/dev/null
    wait $pid
    code=$?
    check "exit $code after $signal" test $code = 130
    check "a checkpoint after $signal" test -e interrupted/.hfprop/long.run.resume
    n=$(ls interrupted/long | wc -l)
    davis_ok "after $signal" tree -o interrupted --sequences short,long --log-json log.json
    check "it goes on where it was after $signal" python3 -c "import json
runs = [json.loads(line) for line in open('log.json')]
assert any(e['event'] == 'run' and e['state'] == 'done' and e['name'] == 'long' and e['frames'] <= 200 - $n + 1 for e in runs), runs"
    check "it gives the same after $signal" same_results long-whole interrupted
done

# Two at once share the work and do nothing twice.
"$hfprop" davis tree -o twice --sequences short,long -q >/dev/null 2>stderr-1.txt &
pid=$!
"$hfprop" davis tree -o twice --sequences short,long -q >/dev/null 2>stderr-2.txt
code=$?
wait $pid
check "two at once: $code, $? $(cat stderr-1.txt stderr-2.txt)" test $code = 0
check 'two at once give the same' same_results long-whole twice

finish
