# test_cli_features.sh HFPROP - `hfprop features`: what it writes, and what it refuses; DINO from the command line.
golden=$(readlink -f "$(dirname "$0")")/golden
. "$(dirname "$0")/cli_fixture.sh"

tiny="-m vit --weights $golden/vit_names_dino_native.safetensors"

good() {
    before_bad
    if "$hfprop" "$@" >stdout.txt 2>stderr.txt </dev/null; then
        pass
    else
        fail "exit $?: hfprop $*: $(head -c 1000 stderr.txt)"
    fi
}

before_bad() { rm -rf out p.png; }

has() { # file, text
    if grep -qaF -e "$2" "$1" 2>/dev/null; then pass; else fail "$1 lacks \"$2\""; fi
}
size_is() { # picture, WxH
    found=$(ffprobe -v error -show_entries stream=width,height -of csv=p=0:s=x "$1")
    if [ "$found" = "$2" ]; then pass; else fail "$1 is $found, want $2"; fi
}

make -i "$scene" -frames:v 1 a.png
make -i "$scene" -frames:v 1 b.jpg
mkdir folder other
video folder/%03d.png 3
cp a.png other/a.png
head -c 60 a.png >cut.png
printf 'nothing\n' >text.txt

# tiny: 64 x 48 grows twofold to 128 x 96, cells of 8 pixels, 64 channels
good features a.png b.jpg -o out --pca p.png
has out/a.npy "'shape': (12, 16, 64), }"
has out/b.json '"model": "tiny"'
has out/b.json '"image_size": ['
has stderr.txt '2 files in out'
size_is p.png 686x516
good features folder -o out --format safetensors
has out/002.safetensors '"shape":[12,16,64]'
has out/002.safetensors '"model":"tiny"'

# A network: patches of 4 pixels; every layer by itself; facets, bins and strides change what is written
good features a.png -o out --size 48 $tiny
has out/a.npy "'shape': (12, 16, 16), }"
good features a.png -o out --size 48 --stride 2 --bins 2 --facet key --layer 1 $tiny
has out/a.npy "'shape': (24, 32, 272), }"
has out/a.json '"facet": "key"'
good features a.png -o out --size 48 --all-layers $tiny
has out/a.npy "'shape': (12, 16, 32), }"
good features a.png -o out --size 48 --aggregation "$golden/vit_aggregation.safetensors" $tiny
has out/a.npy "'shape': (12, 16, 128), }"
good features a.png b.jpg -o out --per-layer --pca p.png --size 48 $tiny
has out/a.layer01.npy "'shape': (12, 16, 16), }"
has out/b.layer02.json '"layer": 2'
size_is p.png 686x776
good features a.png -o out --size 48 -m vit --weights "$golden/vit_names_dino.pth"
has out/a.npy "'shape': (12, 16, 16), }"

good features a.png -o out --size 48 -m "$golden/vit_names_dino.pth"
has out/a.json '"model": "vit"'

# A file that is there is kept
"$hfprop" features a.png -o out -q -y || fail 'a second run with -y'
bad_output=$("$hfprop" features a.png -o out 2>&1 </dev/null)
case $bad_output in *'out/a.npy: exists already; -y overwrites'*) pass ;; *) fail "overwrites: $bad_output" ;; esac

bad 2 'no images' features -o out
bad 2 'nothing to write, want -o DIR, --pca OUT.png or both' features a.png
bad 2 'want a name that ends in .png' features a.png --pca p.jpg
bad 2 'two images are called a' features a.png other/a.png -o out
bad 2 'model tiny has no setting "layer"' features a.png -o out --per-layer
bad 2 '--per-layer takes every layer by itself' features a.png -o out --per-layer --layer 1 $tiny
bad 3 'cut.png' features cut.png -o out
bad 3 'none.png' features none.png -o out
bad 4 'no weights; neither facebook/dino-vits8' features a.png -o out -m dino-vits8
bad 4 'dino-vits8 has patch 8, width 384' features a.png -o out -m dino-vits8 --weights "$golden/vit_names_dino_native.safetensors"
bad 4 'want --weights PATH' features a.png -o out -m vit
bad 4 'is not known, want one of' features a.png -o out -m dino-vits9
bad 2 'layer is 3, want 1..2' features a.png -o out --layer 3 $tiny
bad 2 'a stride of 3 pixels does not divide patches of 4' features a.png -o out --stride 3 $tiny
bad 3 'text.txt' features a.png -o out --weights text.txt -m vit
bad 3 'no/net.pth: No such file' features a.png -o out --weights no/net.pth -m vit
bad 4 'huggingface-cli download no/net' features a.png -o out --weights no/net -m vit

# A whole run on video, in both ways of matching; an odd stride has no context matching
video clip.mp4 4 -c:v libx264
mask mask.png 0
good clip.mp4 --mask mask.png -o out.mp4 -y $tiny
good clip.mp4 --mask mask.png -o out.mp4 -y --match first $tiny
bad 1 'context: model vit has a stride of 1 px, want an even one, or --match first' clip.mp4 --mask mask.png -o out2.mp4 --stride 1 $tiny
good clip.mp4 --mask mask.png -o out.mp4 -y --stride 1 --size 32 --match first $tiny
finish
