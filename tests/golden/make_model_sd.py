#!/usr/bin/env python3
"""Golden of the whole sd model: a picture in, features out, through diffusers and the public code's formulas.

    pip install torch==2.13 diffusers==0.42 transformers==5.23 safetensors numpy
    tests/golden/make_model_sd.py --tiny tests/golden/sd_tiny -o tests/golden

Networks are those of sd_tiny (make_sd_tiny.py). Pictures are squeezed with an antialiased bilinear filter, as Pillow does it but
without its rounding to bytes between the two directions; or padded by repeating edges. Latents are means; DIFT's noise is
src/noise.h's, restated. All of it is computed in double: what the test sees is our own rounding. Features are of unit length in every cell.
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

from make_unet import Taps, alpha_bar, diffuse

SIZE = (150, 90)  # width, height
SQUARE = 128
PROMPT = "a b cd"


def picture():
    """u8 [H,W,3]: smooth, with an edge."""
    y, x = np.mgrid[0:SIZE[1], 0:SIZE[0]].astype(np.float64)
    r = 127 + 90 * np.sin(x / 9 + y / 17)
    g = 127 + 80 * np.cos(y / 7 - x / 31)
    b = np.where((x - 60) ** 2 + (y - 40) ** 2 < 900, 220, 40) + 0.1 * x
    return torch.from_numpy(np.stack([r, g, b], 2).clip(0, 255).round().astype(np.uint8))


def squeezed(rgb, size=SQUARE):
    x = rgb.permute(2, 0, 1)[None].double() / 255
    return F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False) * 2 - 1


def padded(rgb):
    x = rgb.permute(2, 0, 1)[None].double() / 255
    return F.pad(x, (0, -SIZE[0] % 64, 0, -SIZE[1] % 64), mode="replicate") * 2 - 1


class Pipeline:
    def __init__(self, folder, variant):
        self.folder = folder
        path = lambda part: os.path.join(folder, part)
        self.vae = AutoencoderKL.from_pretrained(path("vae"), variant=variant, torch_dtype=torch.float64).eval()
        self.unet = UNet2DConditionModel.from_pretrained(path("unet"), variant=variant, torch_dtype=torch.float64).eval()
        self.text = CLIPTextModel.from_pretrained(path("text_encoder"), variant=variant, torch_dtype=torch.float64).eval()
        self.tokens = CLIPTokenizer.from_pretrained(path("tokenizer"))
        self.taps = Taps(self.unet)

    def embed(self, prompt):
        ids = self.tokens(prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        return self.text(ids).last_hidden_state

    def latent(self, image):
        return self.vae.encode(image).latent_dist.mean * self.vae.config.scaling_factor

    def aggregation(self, name):
        return torch.load(os.path.join(self.folder, name), weights_only=True)


def aggregate(file, saved, size):
    """As make_unet.aggregate, with the groups and steps of a file."""
    w = {k: v.double() for k, v in file["aggregation_network"].items()}
    steps = file["config"]["save_timestep"]
    groups = min(32, w["bottleneck_layers.0.0.conv1.weight"].shape[0])
    mixing, total = torch.softmax(w["mixing_weights"], 0), 0
    n_layers = len(w["mixing_weights"]) // len(steps)
    def conv(x, name, padding=0):
        x = F.conv2d(x, w[f"{name}.weight"], padding=padding)
        return F.group_norm(x, groups, w[f"{name}.norm.weight"], w[f"{name}.norm.bias"])
    for s, maps in saved.items():
        for l, x in maps.items():
            x, b = F.interpolate(x, size=size, mode="bilinear"), f"bottleneck_layers.{l}.0"
            y = F.relu(conv(F.relu(conv(x, f"{b}.conv1")), f"{b}.conv2", 1))
            shortcut = conv(x, f"{b}.shortcut") if f"{b}.shortcut.weight" in w else x
            total = total + mixing[s * n_layers + l] * F.relu(conv(y, f"{b}.conv3") + shortcut)
    return total


def unit(x):
    return F.normalize(x.permute(0, 2, 3, 1)[0], dim=-1).float().contiguous()


def noise(shape, seed, stream):
    """src/noise.h"""
    mask, g = (1 << 64) - 1, 0x9E3779B97F4A7C15
    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)
    key = mix(mix(seed) ^ (stream * g & mask))
    n = int(np.prod(shape))
    u = np.array([((mix((key + i * g) & mask) >> 11) + 0.5) * 2.0 ** -53 for i in range(n + n % 2)])
    length, turn = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
    values = np.stack([length * np.cos(turn), length * np.sin(turn)], 1).reshape(-1)[:n]
    h, w, C = shape
    return torch.from_numpy(values.astype(np.float32)).double().reshape(1, h, w, C).permute(0, 3, 1, 2)


def dift(p, latent, t, up_block, n, seed):
    a, total = alpha_bar(t), 0
    for i in range(n):
        e = noise((latent.shape[2], latent.shape[3], latent.shape[1]), seed, 1 + i)
        p.unet(a.sqrt() * latent + (1 - a).sqrt() * e, t, encoder_hidden_states=p.embed(""))
        total = total + p.taps.blocks[up_block]
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", required=True, help="folder that make_sd_tiny.py made")
    parser.add_argument("-o", "--out", required=True, help="folder of the goldens: model_sd1_golden, model_sd2_golden")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rgb = picture()
    out = {"rgb": rgb}
    with torch.no_grad():
        sd1, sd2 = Pipeline(os.path.join(args.tiny, "sd1"), "fp16"), Pipeline(os.path.join(args.tiny, "sd2"), None)
        x1, size = sd1.latent(squeezed(rgb)), (SQUARE // 8, SQUARE // 8)
        empty, words = sd1.embed(""), sd1.embed(PROMPT)
        full, one = sd1.aggregation("aggregation_network.pt"), sd1.aggregation("aggregation_network_one-step.pt")

        saved, _ = diffuse(sd1.unet, sd1.taps, x1, empty, 5, 5, [4, 2, 0])
        out["sd15"] = unit(aggregate(full, saved, size))
        saved, _ = diffuse(sd1.unet, sd1.taps, x1, words, 5, 5, [4, 2, 0])
        out["sd15.prompt"] = unit(aggregate(full, saved, size))
        saved, _ = diffuse(sd1.unet, sd1.taps, x1, empty, 5, 3, [4, 2, 0])
        out["sd15.stop3"] = unit(aggregate(full, saved, size))
        saved, _ = diffuse(sd1.unet, sd1.taps, x1, empty, 1, 1, [0])
        out["sd15-onestep"] = unit(aggregate(one, saved, size))
        maps = [F.interpolate(saved[0][i], size=size, mode="bilinear") for i in range(12)]
        raw = {"rgb": rgb, "sd15-layer4": unit(maps[3]), "sd15-concat": unit(torch.cat(maps, 1))}
        save_file(raw, os.path.join(args.out, "model_sd1_layers_golden.safetensors"))

        _, start = diffuse(sd1.unet, sd1.taps, x1, words, 5, 5, [])
        saved, _ = diffuse(sd1.unet, sd1.taps, start, words, 5, 5, [4, 2, 0], generation=True, guidance=7.5, negative=empty)
        out["sd15-generation"] = unit(aggregate(full, saved, size))
        saved, _ = diffuse(sd1.unet, sd1.taps, noise((16, 16, 4), 7, 1), words, 5, 5, [4, 2, 0], generation=True,
                           guidance=7.5, negative=empty)
        out["noise"] = unit(aggregate(full, saved, size))

        wide = sd1.latent(padded(rgb))
        saved, _ = diffuse(sd1.unet, sd1.taps, wide, empty, 1, 1, [0])
        out["sd15-onestep.padded"] = unit(aggregate(one, saved, wide.shape[2:]))[: -(-SIZE[1] // 8), : -(-SIZE[0] // 8)].contiguous()

        save_file(out, os.path.join(args.out, "model_sd1_golden.safetensors"))

        out = {"rgb": rgb}
        x2, empty2 = sd2.latent(squeezed(rgb)), sd2.embed("")
        agg2 = sd2.aggregation("aggregation_network_sdv2-1.pt")
        for name, prediction in (("sd21", "v"), ("sd21.epsilon", "epsilon")):
            saved, _ = diffuse(sd2.unet, sd2.taps, x2, empty2, 5, 5, [4, 2, 0], prediction=prediction)
            out[name] = unit(aggregate(agg2, saved, size))
        out["dift-sd21"] = unit(dift(sd2, x2, 51, 2, 2, 0))
        out["dift-sd21-semantic"] = unit(dift(sd2, x2, 261, 1, 2, 0))
    save_file(out, os.path.join(args.out, "model_sd2_golden.safetensors"))


if __name__ == "__main__":
    main()
