#!/usr/bin/env python3
"""make_tiny.py - the network of model `tiny` with small seeded random weights, and what it makes of a random picture.

    pip install torch==2.13 numpy safetensors
    tests/golden/make_tiny.py            writes tiny.safetensors and tiny_golden.safetensors beside itself

The network is samples/training/network.py itself: the golden holds src/net/tiny_net.c to what is trained.
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + "/../../samples/training")
from network import Tiny

torch.manual_seed(1)
net = Tiny(n_features=12, widths=(8, 12, 16, 20), stem=6)
weights = {}
for name, value in net.state_dict().items():
    if name.endswith("conv2.weight"):  # begins as zeros, which would hide the blocks
        value = torch.randn_like(value) * 0.1
    if name == "mixing" or ".bias" in name or "norm" in name:
        value = value + torch.randn_like(value) * 0.3
    weights[name] = value.half().contiguous()
net.load_state_dict({k: v.float() for k, v in weights.items()})
save_file(weights, here + "/tiny.safetensors")

golden = {}
for height, width in ((75, 109), (16, 9)):
    picture = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with torch.no_grad():
        x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        mixed = sum(w * y for w, y in zip(torch.softmax(net.mixing, 0), net.levels(x)))
    golden[f"picture_{height}"] = torch.from_numpy(picture)
    golden[f"features_{height}"] = mixed[0].permute(1, 2, 0).contiguous()
save_file(golden, here + "/tiny_golden.safetensors")
