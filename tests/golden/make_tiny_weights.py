#!/usr/bin/env python3
"""make_tiny_weights.py [last.pt] - what the training program's network makes of a small picture with the compiled-in weights.

    pip install torch==2.13 numpy safetensors
    tests/golden/make_tiny_weights.py RUN/last.pt    ships a checkpoint: src/tiny_weights.safetensors and its golden
    tests/golden/make_tiny_weights.py                the golden alone, for the weights that are there

Writes tiny_weights_golden.safetensors beside itself: "picture" u8 [H,W,3] and "features" f32 [h,w,D] before they are
brought to unit length. Sizes of the network are read from its weights; dilations and strides are those of network.py.
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + "/../../samples/training")
from export import export
from network import Tiny

H, W = 91, 125  # no multiples of 8


def picture():
    """Waves, discs and noise: something in every band that a photograph has."""
    y, x = np.mgrid[0:H, 0:W].astype(np.float64)
    rng = np.random.default_rng(6)
    out = np.stack([128 + 60 * np.sin(x / (9 + 4 * c) + y / (17 - 3 * c)) for c in range(3)], 2)
    for _ in range(12):
        cx, cy, r = rng.uniform(0, W), rng.uniform(0, H), rng.uniform(4, 22)
        out[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(0, 255, 3)
    return (out + rng.normal(0, 6, out.shape)).clip(0, 255).astype(np.uint8)


def main():
    weights = os.path.normpath(here + "/../../src/tiny_weights.safetensors")
    if len(sys.argv) > 1:
        export(sys.argv[1], weights)
    state = {k: v.float() for k, v in load_file(weights).items()}
    net = Tiny(state["project.0.weight"].shape[0], [state[f"norms.{i}.weight"].shape[0] for i in range(4)],
               state["stem1.weight"].shape[0])
    net.load_state_dict(state)
    rgb = torch.from_numpy(picture())
    with torch.no_grad():
        levels = net.levels(rgb.permute(2, 0, 1)[None].float() / 255)
        mixed = sum(w * y for w, y in zip(torch.softmax(net.mixing, 0), levels))
    save_file({"picture": rgb, "features": mixed[0].permute(1, 2, 0).contiguous()},
              here + "/tiny_weights_golden.safetensors")
    print(f"{os.path.getsize(weights)} bytes of weights, {sum(v.numel() for v in state.values())} parameters, "
          f"features {tuple(mixed[0].permute(1, 2, 0).shape)}")


main()
