#!/usr/bin/env python3
"""Goldens of the U-Net, of DDIM and of the aggregation network: tiny networks with random weights.

    pip install torch==2.13 diffusers==0.42 transformers==5.23 safetensors numpy
    tests/golden/make_unet.py -o tests/golden

Weights are f16 numbers, so that a file holds them exactly in half the space; all arithmetic here is f32 with double
where a scheduler has it. What is compared with: diffusers' UNet2DConditionModel and DDIMScheduler, and the formulas of
the public diffusion-hyperfeatures code (archs/stable_diffusion/diffusion.py, archs/aggregation_network.py), restated.

unet_sd1, unet_sd2            weights of a U-Net: convolutions as projections, equal heads; linear, heads by level
unet_sd1_golden, ...          a batch of two latents that are not square, at t = -1 and t = 261: what the network gives, the
                              12 decoder branches (conv2 of every ResNet of up_blocks), the outputs of the up blocks
ddim_golden                   visits and steps of DDIM, both ways, both predictions
aggregation                   weights of an aggregation network for the branches of unet_sd1
diffusion_golden              latents in, hyperfeatures out: one step, 5 steps of 50, all of 5, generation with guidance
"""
import argparse
import os

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file

GROUPS = 2
AGGREGATION = {"D": 32, "groups": 8, "save_timestep": [49, 45, 40]}


def half_numbers(module, generator):
    """Random parameters that f16 holds exactly; norms too, so that a mixed-up one is seen."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.dim() == 1 and "norm" in name:
                base = 1.0 if name.endswith("weight") else 0.0
                p.copy_(base + 0.2 * torch.randn(p.shape, generator=generator))
            elif p.dim() == 1:
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
            else:
                p.copy_(torch.randn(p.shape, generator=generator) * (1.2 / p[0].numel()) ** 0.5)
            p.copy_(p.half().float())
    return module.eval()


def make_unet(family, generator):
    settings = {
        "sd1": dict(cross_attention_dim=12, attention_head_dim=2, block_out_channels=(4, 8, 8, 12)),
        "sd2": dict(cross_attention_dim=20, attention_head_dim=(1, 2, 4, 4), block_out_channels=(8, 4, 8, 8),
                    use_linear_projection=True),
    }[family]
    unet = UNet2DConditionModel(sample_size=16, in_channels=4, out_channels=4, layers_per_block=2,
                                norm_num_groups=GROUPS, **settings)
    return half_numbers(unet, generator)


class Taps:
    """Branches of the decoder's ResNets and outputs of its blocks, by forward hooks."""

    def __init__(self, unet):
        self.branches, self.blocks = {}, {}
        resnets = [r for block in unet.up_blocks for r in block.resnets]
        for i, resnet in enumerate(resnets):
            resnet.conv2.register_forward_hook(lambda m, a, out, i=i: self.branches.__setitem__(i, out.detach()))
        for i, block in enumerate(unet.up_blocks):
            block.register_forward_hook(lambda m, a, out, i=i: self.blocks.__setitem__(i, out.detach()))


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous().float()


def to_half_file(module, path):
    save_file({k: v.half().contiguous() for k, v in module.state_dict().items()}, path)


def unet_golden(unet, taps, generator, path):
    latent = torch.randn((2, 4, 16, 8), generator=generator)
    text = torch.randn((1, 7, unet.config.cross_attention_dim), generator=generator)
    out = {"latent": nhwc(latent), "text": text[0].clone()}
    for t in (-1, 261):
        noise = unet(latent, torch.tensor([t, t]), encoder_hidden_states=text.expand(2, -1, -1)).sample
        out[f"{t}.noise"] = nhwc(noise)
        out.update({f"{t}.branch.{i}": nhwc(x) for i, x in taps.branches.items()})
        out.update({f"{t}.block.{i}": nhwc(x) for i, x in taps.blocks.items()})
    save_file(out, path)


def visits(n_steps, generation):
    """Pairs and labels of the public code's generalized_steps."""
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    scheduler.set_timesteps(n_steps)
    seq = torch.flip(scheduler.timesteps, dims=(0,)).tolist()
    seq_next = [-1] + seq[:-1]
    if generation:
        return [(t, u, i) for i, (t, u) in enumerate(zip(reversed(seq), reversed(seq_next)))]
    return [(t, u, n_steps - 1 - i) for i, (t, u) in enumerate(zip(seq_next, seq))]


def alpha_bar(t):
    betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float64) ** 2
    return torch.ones((), dtype=torch.float64) if t < 0 else torch.cumprod(1 - betas, 0)[t]


def step(x, out, t, u, prediction):
    a, b = alpha_bar(t), alpha_bar(u)
    if prediction == "v":
        x0, e = a.sqrt() * x - (1 - a).sqrt() * out, a.sqrt() * out + (1 - a).sqrt() * x
    else:
        x0, e = (x - out * (1 - a).sqrt()) / a.sqrt(), out
    return b.sqrt() * x0 + (1 - b).sqrt() * e


def check_step_against_diffusers():
    """Our restatement gives what DDIMScheduler.step gives, where that knows the step."""
    g = torch.Generator().manual_seed(5)
    x, out = torch.randn(64, generator=g), torch.randn(64, generator=g)
    for prediction, theirs in (("epsilon", "epsilon"), ("v", "v_prediction")):
        s = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                          prediction_type=theirs)
        s.set_timesteps(50)
        error = (s.step(out, 500, x).prev_sample - step(x, out, 500, 480, prediction)).abs().max()
        assert error < 1e-5, error


def ddim_golden(generator, path):
    x, e = torch.randn((3, 5), generator=generator), torch.randn((3, 5), generator=generator)
    out = {"x": x, "output": e}
    for n in (1, 5, 50, 1000):
        for way in ("inversion", "generation"):
            out[f"{way}.{n}"] = torch.tensor(visits(n, way == "generation"), dtype=torch.int32)
    for t, u in ((-1, 0), (0, 20), (960, 980), (980, 960), (20, 0), (0, -1)):
        for prediction in ("epsilon", "v"):
            out[f"{prediction}.{t}.{u}"] = step(x, e, t, u, prediction)
    save_file(out, path)


def make_aggregation(channels, generator):
    """State dict of the published network's shape."""
    D, names = AGGREGATION["D"], {}
    def put(name, *shape, base=0.0, scale=None):
        scale = scale if scale is not None else (1.5 / torch.Size(shape[1:]).numel()) ** 0.5
        names[name] = (base + scale * torch.randn(shape, generator=generator)).half().float()
    put("mixing_weights", len(channels) * len(AGGREGATION["save_timestep"]), scale=0.7)
    for l, C in enumerate(channels):
        for conv, o, i, k in (("conv1", D // 4, C, 1), ("conv2", D // 4, D // 4, 3), ("conv3", D, D // 4, 1), ("shortcut", D, C, 1)):
            put(f"bottleneck_layers.{l}.0.{conv}.weight", o, i, k, k)
            put(f"bottleneck_layers.{l}.0.{conv}.norm.weight", o, base=1.0, scale=0.2)
            put(f"bottleneck_layers.{l}.0.{conv}.norm.bias", o, scale=0.2)
    return names


def aggregate(w, saved, size):
    """sum of softmax(mixing) * bottleneck(resized map); saved: {index of the step: {layer: map}}."""
    mixing, total = torch.softmax(w["mixing_weights"], 0), 0
    n_layers = len(w["mixing_weights"]) // len(AGGREGATION["save_timestep"])
    def conv(x, name, padding=0):
        x = F.conv2d(x, w[f"{name}.weight"], padding=padding)
        return F.group_norm(x, AGGREGATION["groups"], w[f"{name}.norm.weight"], w[f"{name}.norm.bias"])
    for s, maps in saved.items():
        for l, x in maps.items():
            x, b = F.interpolate(x, size=size, mode="bilinear"), f"bottleneck_layers.{l}.0"
            y = F.relu(conv(x, f"{b}.conv1"))
            y = F.relu(conv(y, f"{b}.conv2", 1))
            total = total + mixing[s * n_layers + l] * F.relu(conv(y, f"{b}.conv3") + conv(x, f"{b}.shortcut"))
    return total


def diffuse(unet, taps, latent, text, n_steps, n_run, labels, prediction="epsilon", generation=False, guidance=None, negative=None):
    """Visit n_run steps; {index in labels: branches}, and the latent behind them."""
    saved, x = {}, latent
    for t, u, label in visits(n_steps, generation)[:n_run]:
        ts = torch.full((x.shape[0],), t)
        plain = unet(x, ts, encoder_hidden_states=negative).sample if guidance else None
        out = unet(x, ts, encoder_hidden_states=text).sample
        if label in labels:
            saved[labels.index(label)] = dict(taps.branches)
        if guidance:
            out = plain + guidance * (out - plain)
        x = step(x, out, t, u, prediction)
    return saved, x


def diffusion_golden(unet, taps, aggregation, generator, path):
    labels = AGGREGATION["save_timestep"]
    latent = torch.randn((2, 4, 16, 8), generator=generator)
    text = torch.randn((1, 7, unet.config.cross_attention_dim), generator=generator)
    negative = torch.randn((1, 7, unet.config.cross_attention_dim), generator=generator)
    two = text.expand(2, -1, -1)
    out = {"latent": nhwc(latent), "text": text[0].clone(), "negative": negative[0].clone()}
    def keep(name, saved, x):
        out[f"{name}.features"] = nhwc(aggregate(aggregation, saved, latent.shape[2:]))
        out[f"{name}.latent"] = nhwc(x)
    keep("one", *diffuse(unet, taps, latent, two, 1, 1, [0]))
    keep("five_of_fifty", *diffuse(unet, taps, latent, two, 50, 5, labels))
    keep("five_of_fifty_v", *diffuse(unet, taps, latent, two, 50, 5, labels, prediction="v"))
    keep("all_of_five", *diffuse(unet, taps, latent, two, 5, 5, [4, 2, 0]))
    keep("generation", *diffuse(unet, taps, latent, two, 5, 5, [4, 2, 0], generation=True, guidance=7.5,
                                negative=negative.expand(2, -1, -1)))
    save_file(out, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", required=True, help="folder of the goldens")
    folder = parser.parse_args().out
    torch.set_num_threads(1)
    check_step_against_diffusers()
    g = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for family in ("sd1", "sd2"):
            unet = make_unet(family, g)
            taps = Taps(unet)
            to_half_file(unet, os.path.join(folder, f"unet_{family}.safetensors"))
            unet_golden(unet, taps, g, os.path.join(folder, f"unet_{family}_golden.safetensors"))
            if family == "sd1":
                sd1, sd1_taps = unet, taps
        ddim_golden(g, os.path.join(folder, "ddim_golden.safetensors"))
        channels = [r.out_channels for block in sd1.up_blocks for r in block.resnets]
        aggregation = make_aggregation(channels, g)
        save_file({k: v.half() for k, v in aggregation.items()}, os.path.join(folder, "aggregation.safetensors"))
        diffusion_golden(sd1, sd1_taps, aggregation, g, os.path.join(folder, "diffusion_golden.safetensors"))


if __name__ == "__main__":
    main()
