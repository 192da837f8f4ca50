# test_cli_refusals.sh HFPROP - bad input: each case with its exit code and a piece of its message (cli_fixture.sh: bad).
. "$(dirname "$0")/cli_fixture.sh"

before_bad() { rm -rf out out.* clip.hfprop.*; }
left_behind() {
    find . -name '*.part'
    [ "$want" = 0 ] || [ "${keeps_output:-no}" != no ] || [ ! -e out.mp4 ] || echo "an output"
}

video clip.mp4 8 -c:v libx264 -movflags +faststart
make -i "$scene" -f lavfi -i sine=440 -t 0.8 -pix_fmt yuv420p -c:v libx264 -c:a aac sound.mp4
make -i sine=440 -t 0.3 audio.m4a
mask mask.png 0
make -i nullsrc=s=64x48,format=gray,geq=lum=0 -frames:v 1 black.png
make -i color=white:s=32x48,format=gray -frames:v 1 narrow.png
make -i "nullsrc=s=64x48,format=rgb24,geq=r='X*4':g='Y*5':b='mod(X*Y,256)'" -frames:v 1 colours.png
make -i "nullsrc=s=64x48,format=gray16be,geq=lum='if(lt(X,20),300,2*lt(X,40))'" -frames:v 1 wide-ids.png
make -i color=red@0:s=64x48,format=rgba -frames:v 1 clear.png
make -i "$scene" -frames:v 1 photo.jpg
ffmpeg -nostdin -v error -i clip.mp4 -frames:v 1 same.png
make -i color=red:s=32x32 -frames:v 1 painted-small.png
head -c 60 mask.png >cut.png
printf 'not a picture\n' >text.png
printf 'not a video\n' >text.mp4
: >empty.mp4
: >empty.png
head -c 3000 clip.mp4 >cut.mp4
head -c 1000 sound.mp4 >headless.mp4
mkdir nothing mixed broken pictures
video pictures/%03d.png 4
video mixed/%03d.png 3
make -i color=red:s=32x32 -frames:v 1 mixed/004.png
video broken/%03d.png 4
head -c 100 pictures/002.png >broken/002.png
printf 'P6\n60000 60000\n255\n' >huge.ppm
cp clip.mp4 taken.mp4

# The command line.
bad 2 'usage:'
bad 2 'nothing to carry' clip.mp4
bad 2 'no input' --mask mask.png
bad 2 'did you mean --mask?' clip.mp4 --maks mask.png
bad 2 'did you mean doctor?' doktor
bad 2 'no such option' clip.mp4 --mask mask.png --zebra
bad 2 'not a frame number' clip.mp4 --mask abc=mask.png
bad 2 'given twice' clip.mp4 --mask 0=mask.png --mask 0=mask.png
bad 2 'given twice' clip.mp4 --mask mask.png --mask 0=mask.png
bad 2 'needs a value' clip.mp4 --mask
bad 2 '--size: 0 is out of range' clip.mp4 --mask mask.png --size 0
bad 2 '--size: 100000 is out of range' clip.mp4 --mask mask.png --size 100000
bad 2 'not a whole number' clip.mp4 --mask mask.png --k five
bad 2 'is not a number' clip.mp4 --mask mask.png --temperature nan
bad 2 'want one of' clip.mp4 --mask mask.png --render hologram
bad 2 '--from 5 is after --to 2' clip.mp4 --mask mask.png --from 5 --to 2
bad 2 'two inputs' clip.mp4 sound.mp4 --mask mask.png
bad 2 'already carries the video' clip.mp4 --mask mask.png -o - --json
bad 2 'standard input is the video already' - --mask - -o out.mp4
bad 2 'not from pipes' clip.mp4 --mask - -o out.mp4
bad 4 'model "nosuch"' clip.mp4 --mask mask.png -m nosuch -o out.mp4
bad 4 'dift-sd21-semantic' clip.mp4 --mask mask.png -m nosuch -o out.mp4
bad 4 'model "tinny" is not known, want one of those of `hfprop models`; did you mean tiny?' clip.mp4 --mask mask.png -m tinny -o out.mp4
bad 3 'missing.pth: No such file' clip.mp4 --mask mask.png -m vit --weights missing.pth -o out.mp4
bad 3 'missing.pth: No such file' match same.png same.png --weights missing.pth
bad 3 'missing.pth: No such file' features same.png --weights missing.pth -o out
bad 3 'missing.pth: No such file' features same.png -m vit --weights missing.pth --per-layer --pca out.png
bad 2 'nosuch' clip.mp4 --mask mask.png --device nosuch -o out.mp4
bad 2 'nothing to resume' clip.mp4 --mask mask.png --resume -o out.mp4
bad 2 'there is no edit' clip.mp4 --mask mask.png --render edit -o out.mp4
bad 2 'nothing would be written' clip.mp4 --mask mask.png -o none

# The video.
bad 3 'No such file' missing.mp4 --mask mask.png -o out.mp4
bad 3 'clip.mp4/x' clip.mp4/x --mask mask.png -o out.mp4
bad 3 'empty.mp4' empty.mp4 --mask mask.png -o out.mp4
bad 3 'text.mp4' text.mp4 --mask mask.png -o out.mp4
bad 3 'headless.mp4' headless.mp4 --mask mask.png -o out.mp4
bad 3 'audio.m4a' audio.m4a --mask mask.png -o out.mp4
bad 3 'nothing' nothing --mask mask.png -o out.mp4
bad 3 'nosuch' nosuch/%03d.png --mask mask.png -o out.mp4
bad 3 'huge.ppm' huge.ppm --mask mask.png -o out.mp4
bad 3 '-: ' - --mask mask.png -o out.mp4
keeps_output=yes
bad 3 '004' mixed --mask mask.png -o out.mp4
bad 3 '002' broken --mask mask.png -o out.mp4
bad 1 'warning:' cut.mp4 --mask mask.png -o out.mp4 --strict
keeps_output=no

# The mask.
bad 3 'No such file' clip.mp4 --mask missing.png -o out.mp4
bad 3 'black.png' clip.mp4 --mask black.png -o out.mp4
bad 3 '32x48' clip.mp4 --mask narrow.png -o out.mp4
bad 3 'colours.png' clip.mp4 --mask colours.png -o out.mp4
bad 3 'values up to 300: too dark for a picture, and ids want at most 255' clip.mp4 --mask wide-ids.png -o out.mp4
bad 3 'text.png' clip.mp4 --mask text.png -o out.mp4
bad 3 'empty.png' clip.mp4 --mask empty.png -o out.mp4
bad 3 'cut.png' clip.mp4 --mask cut.png -o out.mp4
bad 3 'JPEG' clip.mp4 --mask photo.jpg -o out.mp4
bad 3 'nothing' clip.mp4 --mask nothing -o out.mp4
bad 3 'palette' clip.mp4 --mask mask.png --mask-colors palette -o out.mp4
bad 2 'frame 99999 is behind the end' clip.mp4 --mask 99999=mask.png -o out.mp4
bad 2 'frame 50 is behind the end' clip.mp4 --mask mask.png --from 50 -o out.mp4
bad 2 'key frame 1 is before --from 3' clip.mp4 --mask 1=mask.png --from 3 -o out.mp4
bad 2 'key frame 7 is after --to 5' clip.mp4 --mask 7=mask.png --to 5 -o out.mp4

# The edit.
bad 3 'clear.png' clip.mp4 --edit clear.png -o out.mp4
bad 3 'same.png' clip.mp4 --edit same.png -o out.mp4
bad 3 'painted-small.png' clip.mp4 --edit painted-small.png -o out.mp4
bad 3 'cut.png' clip.mp4 --edit cut.png -o out.mp4

# The output.
bad 2 '.mov' clip.mp4 --mask mask.png --render cutout -o out.mp4
bad 2 'out.xyz' clip.mp4 --mask mask.png -o out.xyz
bad 2 'input itself' clip.mp4 --mask mask.png -y -o ./clip.mp4
bad 2 'drawing of this run' clip.mp4 --mask mask.png --mask 3=taken.mp4 -y -o taken.mp4
bad 2 'input itself' pictures --mask mask.png -o none --masks pictures/
bad 2 'is the folder of --masks too' clip.mp4 --mask mask.png -o none --masks out --mattes out
bad 1 'nodir' clip.mp4 --mask mask.png -o nodir/out.mp4
bad 1 'text.png' clip.mp4 --mask mask.png -o text.png/out.mp4
bad 1 'is not a folder' clip.mp4 --mask mask.png -o none --masks text.png/deep
bad 1 '/proc/nosuch' clip.mp4 --mask mask.png -o none --masks /proc/nosuch
bad 2 'exists already' clip.mp4 --mask mask.png -o taken.mp4
bad 2 'exists already' clip.mp4 --mask mask.png -n -o taken.mp4
bad 2 'holds PNG files already' clip.mp4 --mask mask.png -o none --masks pictures
bad 2 'nosuchcodec' clip.mp4 --mask mask.png -o out.mp4 --codec nosuchcodec
bad 1 'log.json' clip.mp4 --mask mask.png -o out.mp4 --log-json nodir/log.json
bad 2 'is an input' clip.mp4 --mask mask.png -o out.mp4 --log-json ./clip.mp4
cmp -s clip.mp4 taken.mp4 && pass || fail 'an existing file was touched'

# Full disks and closed pipes.
"$hfprop" clip.mp4 --mask mask.png -o - >/dev/full 2>stderr.txt
code=$?
[ $code = 1 ] && grep -qF 'No space left' stderr.txt && pass || fail "full device: exit $code: $(cat stderr.txt)"
if mkdir tiny && mount -t tmpfs -o size=16k none tiny 2>/dev/null; then
    bad 1 'No space left' clip.mp4 --mask mask.png -o tiny/out.mkv --codec ffv1
    bad 1 'No space left' clip.mp4 --mask mask.png -o none --mattes tiny/m --matte-depth 16
    umount tiny
else
    skip 'full disk: a small tmpfs cannot be mounted here'
fi
{ "$hfprop" clip.mp4 --mask mask.png -o - 2>stderr.txt; echo $? >code.txt; } | :
grep -q '^1$' code.txt && pass || fail "closed pipe: exit $(cat code.txt), want 1: $(cat stderr.txt)"
grep -qF 'roken pipe' stderr.txt && pass || fail "closed pipe says: $(cat stderr.txt)"

# Pipes cannot go back.
ffmpeg -nostdin -v error -i clip.mp4 -f yuv4mpegpipe - | "$hfprop" - --mask 5=mask.png -o out.mp4 2>stderr.txt
code=$?
[ $code = 2 ] && grep -qF 'pipe cannot be read backward' stderr.txt && pass ||
    fail "backward from a pipe: exit $code, $(cat stderr.txt)"

finish
