#!/usr/bin/env python3
"""Compare full-size vision transformers, random weights, with the public DINO and DINOv2 code: values and time.

    tests/golden/fullsize_vit.py --dino DIR --dinov2 DIR --program build/tests/vit_forward --work DIR [--rounds N] [--passes N]

Needs pip: torch 2.13, safetensors 0.8, numpy 2. Both sides run in turns, --passes each in a round; the shortest
pass of all rounds counts. --threads 1 counts processor time instead of the clock, which is fair on a busy machine
(with more threads it is not: PyTorch's threads spin while they wait). Prints the table of tests/golden/README.md.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from safetensors.torch import save_file

os.environ["XFORMERS_DISABLED"] = "1"


def dino(patch):
    import vision_transformer as vits
    return vits.vit_small(patch_size=patch, num_classes=0)


def dinov2(name, registers):
    from dinov2.models import vision_transformer as vits
    return vits.__dict__[name](patch_size=14, img_size=518, init_values=1.0, block_chunks=0,
                               num_register_tokens=registers, interpolate_antialias=bool(registers),
                               interpolate_offset=0.0 if registers else 0.1)


CASES = [
    ("DINO ViT-S/8", lambda: dino(8), 480, 320),
    ("DINO ViT-S/16", lambda: dino(16), 848, 480),
    ("DINOv2 ViT-S/14", lambda: dinov2("vit_small", 0), 518, 518),
    ("DINOv2 ViT-S/14", lambda: dinov2("vit_small", 0), 854 // 14 * 14, 480 // 14 * 14),
    ("DINOv2 ViT-B/14, 4 registers", lambda: dinov2("vit_base", 4), 518, 350),
]


def randomize(model, seed):
    """Matrices large enough that attention is not uniform."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim >= 2:
                std = 0.3 if "token" in name or "pos" in name else 1.5 / p[0].numel() ** 0.5
                p.copy_(torch.randn(p.shape, generator=g) * std)
            elif name.endswith("gamma"):
                p.copy_(torch.rand(p.shape, generator=g))
            else:
                p.copy_(torch.randn(p.shape, generator=g) * 0.1 + ("norm" in name and name.endswith("weight")))


def theirs(model, image):
    with torch.inference_mode():
        y = model.get_intermediate_layers(image, 1)[0]
    n = image.shape[2] // patch_of(model) * (image.shape[3] // patch_of(model))
    return y[0, -n:].numpy()


def patch_of(model):
    return model.patch_embed.proj.kernel_size[0]


def seconds(f, n, clock):
    times = []
    for _ in range(n):
        start = clock()
        f()
        times.append(clock() - start)
    return statistics.mean(times) if clock is time.process_time else min(times)


def ours(a, weights, image, out, precision, runs):
    done = subprocess.run([a.program, weights, image, out, "0", "token", "0", str(runs), precision, str(a.threads)], check=True,
                          capture_output=True, text=True, env=dict(os.environ, OMP_WAIT_POLICY="passive"))
    which = "processor" if a.threads == 1 else "shortest"
    return float(re.search(which + r" ([\d.]+)", done.stdout).group(1)) / 1e3, np.load(out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dino", "dinov2", "program", "work"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--passes", type=int, default=5)
    p.add_argument("--only", default="")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    a = p.parse_args()
    sys.path[:0] = [a.dino, a.dinov2]
    os.makedirs(a.work, exist_ok=True)
    torch.set_num_threads(a.threads)
    clock = time.process_time if a.threads == 1 else time.perf_counter
    print(f"{a.threads} threads, torch {torch.__version__}")
    print("| network | pixels | error f32 | error bf16 | PyTorch | hfprop f32 | ratio | hfprop bf16 | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for i, (name, make, W, H) in enumerate(CASES):
        if a.only not in name:
            continue
        model = make().eval()
        randomize(model, i)
        weights, image, out = (os.path.join(a.work, n) for n in ("w.safetensors", "x.npy", "y.npy"))
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, weights)
        x = torch.randn(1, 3, H, W, generator=torch.Generator().manual_seed(100 + i))
        np.save(image, np.ascontiguousarray(x[0].permute(1, 2, 0).numpy()))
        want = theirs(model, x)
        rounds = []
        for _ in range(a.rounds):
            t, y = ours(a, weights, image, out, "f32", a.passes)
            t16, y16 = ours(a, weights, image, out, "bf16", a.passes)
            rounds.append((seconds(lambda: theirs(model, x), a.passes, clock), t, t16))
        error, error16 = (np.linalg.norm(v.reshape(want.shape) - want) / np.linalg.norm(want) for v in (y, y16))
        torch_s, f32_s, bf16_s = (min(r[k] for r in rounds) for k in range(3))
        ratios = [f32_s / torch_s, bf16_s / torch_s]
        print(f"| {name} | {W} x {H} | {error:.1e} | {error16:.1e} | {torch_s * 1e3:.0f} ms | {f32_s * 1e3:.0f} ms | "
              f"{ratios[0]:.2f} | {bf16_s * 1e3:.0f} ms | {ratios[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
