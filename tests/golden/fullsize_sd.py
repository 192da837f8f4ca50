#!/usr/bin/env python3
"""One frame of Diffusion Hyperfeatures at the real shapes of SD 1.5 and SD 2.1-base: hfprop beside PyTorch on the CPU.

    pip install torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 safetensors==0.8.0 numpy
    tests/golden/fullsize_sd.py --program build/tests/run_sd --work WORK [--threads 2] [--only sd1]

Weights are random and seeded; WORK takes 5 GB a model (a diffusers folder and a one-step aggregation network in the published
form). PyTorch runs diffusers' networks with hooks at the 12 decoder branches and the published formula of the aggregation
network: mean of the VAE, one U-Net call at t = -1, maps resized to 64 x 64, bottlenecks. hfprop reads the same
files. Printed: relative error (L2) of every tap and of the result; seconds of a frame, processor seconds of all threads
("work": what counts on a machine that is busy with other things), most memory of each process. Each side runs in
a process of its own with OMP_WAIT_POLICY=passive, so that waiting is not counted as work.
"""
import argparse
import json
import os
import subprocess
import sys
import time

FAMILIES = {
    "sd1": dict(name="SD 1.5", unet=dict(cross_attention_dim=768, attention_head_dim=8),
                text=dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                          hidden_act="quick_gelu")),
    "sd2": dict(name="SD 2.1-base", unet=dict(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20],
                                              use_linear_projection=True),
                text=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16,
                          hidden_act="gelu")),
}
CHANNELS = [1280] * 6 + [640] * 3 + [320] * 3


def make(family, folder):
    """The folder of diffusers, once."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel
    if os.path.exists(f"{folder}/done"):
        return
    settings = FAMILIES[family]
    torch.manual_seed(1)
    UNet2DConditionModel(sample_size=64, **settings["unet"]).save_pretrained(f"{folder}/unet", max_shard_size="20GB")
    AutoencoderKL(block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
                  up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, sample_size=512).save_pretrained(f"{folder}/vae")
    CLIPTextModel(CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, **settings["text"])).save_pretrained(f"{folder}/text_encoder")
    DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").save_pretrained(f"{folder}/scheduler")
    with open(f"{folder}/model_index.json", "w") as f:
        json.dump({"_class_name": "StableDiffusionPipeline"}, f)
    torch.save({"config": {"projection_dim": 384, "save_timestep": [0], "num_timesteps": 1, "diffusion_mode": "inversion"},
                "aggregation_network": aggregation_state()}, f"{folder}/aggregation_network_one-step.pt")
    open(f"{folder}/done", "w").close()


def aggregation_state(D=384):
    import torch
    w = {"mixing_weights": torch.randn(len(CHANNELS))}
    for l, C in enumerate(CHANNELS):
        for conv, o, i, k in (("conv1", D // 4, C, 1), ("conv2", D // 4, D // 4, 3), ("conv3", D, D // 4, 1), ("shortcut", D, C, 1)):
            b = f"bottleneck_layers.{l}.0.{conv}"
            w[f"{b}.weight"] = torch.randn(o, i, k, k) * (2 / (i * k * k)) ** 0.5
            w[f"{b}.norm.weight"], w[f"{b}.norm.bias"] = 1 + 0.2 * torch.randn(o), 0.2 * torch.randn(o)
    return w


def aggregate(w, maps):
    import torch
    import torch.nn.functional as F
    mixing, total = torch.softmax(w["mixing_weights"], 0), 0
    def conv(x, name, padding=0):
        return F.group_norm(F.conv2d(x, w[f"{name}.weight"], padding=padding), 32, w[f"{name}.norm.weight"], w[f"{name}.norm.bias"])
    for l, x in enumerate(maps):
        x, b = F.interpolate(x, size=64, mode="bilinear"), f"bottleneck_layers.{l}.0"
        y = F.relu(conv(F.relu(conv(x, f"{b}.conv1")), f"{b}.conv2", 1))
        total = total + mixing[l] * F.relu(conv(y, f"{b}.conv3") + conv(x, f"{b}.shortcut"))
    return total


def run_torch(folder, threads, repeats, dtype):
    """In a process of its own: goldens into a file, seconds and memory to the standard output."""
    import resource

    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextModel
    torch.set_num_threads(threads)
    kind = torch.bfloat16 if dtype == "bf16" else torch.float32
    g = torch.Generator().manual_seed(4)
    rgb = torch.randint(0, 256, (512, 512, 3), generator=g, dtype=torch.uint8)
    ids = torch.tensor([[49406] + [49407 if "sd1" in folder else 0] * 76])
    ids[0, 1] = 49407
    with torch.inference_mode():
        text = CLIPTextModel.from_pretrained(f"{folder}/text_encoder").eval()
        cond = text(ids).last_hidden_state.to(kind)
        del text
        vae = AutoencoderKL.from_pretrained(f"{folder}/vae", torch_dtype=kind).eval()
        del vae.decoder
        unet = UNet2DConditionModel.from_pretrained(f"{folder}/unet", torch_dtype=kind).eval()
        w = torch.load(f"{folder}/aggregation_network_one-step.pt", weights_only=True)["aggregation_network"]
        maps = {}
        for i, resnet in enumerate(r for block in unet.up_blocks for r in block.resnets):
            resnet.conv2.register_forward_hook(lambda m, a, out, i=i: maps.__setitem__(i, out))
        times = []
        for _ in range(repeats + 1):
            begin, work = time.time(), time.process_time()
            image = (rgb.permute(2, 0, 1)[None].float() / 127.5 - 1).to(kind)
            latent = vae.encode(image).latent_dist.mean * vae.config.scaling_factor
            noise = unet(latent, torch.tensor([-1]), encoder_hidden_states=cond).sample
            features = aggregate(w, [maps[i].float() for i in range(12)])
            times.append((time.time() - begin, time.process_time() - work))
    nhwc = lambda x: x.float().permute(0, 2, 3, 1).contiguous()
    if dtype == "f32":
        save_file({"rgb": rgb, "text": cond[0].contiguous(), "latent": nhwc(latent), "noise": nhwc(noise), "features": nhwc(features),
                   **{f"branch.{i}": nhwc(x) for i, x in maps.items()}}, f"{folder}/golden.safetensors")
    print(json.dumps({"seconds": min(t[0] for t in times[1:]), "work": min(t[1] for t in times[1:]),
                      "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def lines_of(command, env):
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: {result.stderr}")
    return result.stdout.strip().splitlines()


def compare(family, args, dtype):
    folder = os.path.join(args.work, family)
    env = dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS=str(args.threads))
    theirs = json.loads(lines_of([sys.executable, __file__, "--torch", folder, "--threads", str(args.threads), "--repeats",
                                  str(args.repeats), "--dtype", dtype], env)[-1])
    ours = json.loads(lines_of([args.program, folder, f"{folder}/golden.safetensors", dtype, str(args.repeats), str(args.threads)], env)[-1])
    errors = ours["errors"]
    print(f"{FAMILIES[family]['name']} {dtype}: " + ", ".join(f"{k} {v:.1e}" for k, v in errors.items()))
    branches = max(v for k, v in errors.items() if k.startswith("branch"))
    print(f"| {FAMILIES[family]['name']} | {dtype} | {errors['latent']:.1e} | {branches:.1e} | {errors['features']:.1e} "
          f"| {ours['seconds']:.1f} / {theirs['seconds']:.1f} s | {ours['work']:.1f} / {theirs['work']:.1f} s "
          f"| {ours['work'] / theirs['work']:.2f} | {ours['memory_mb']} / {theirs['memory_mb']} MB | {ours['weights_mb']} MB |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="tests/run_sd of a build")
    parser.add_argument("--work", help="folder for weights and goldens")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", choices=list(FAMILIES))
    parser.add_argument("--dtype", default="f32,bf16")
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        return run_torch(args.torch, args.threads, args.repeats, args.dtype)
    print("| model | type | latent | worst branch | features | seconds, hfprop / PyTorch | work | ratio | most memory | weights |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for family in [args.only] if args.only else list(FAMILIES):
        subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r}); "
                        f"import fullsize_sd; fullsize_sd.make({family!r}, {os.path.join(args.work, family)!r})"], check=True)
        for dtype in args.dtype.split(","):
            compare(family, args, dtype)


if __name__ == "__main__":
    main()
