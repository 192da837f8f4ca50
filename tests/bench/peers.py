#!/usr/bin/env python3
"""peers.py PEER PEERS_FOLDER FRAMES.rgb OUT - descriptors of small published networks, for davis_quality's features=FOLDER.

    pip install onnxruntime torch numpy safetensors

PEER: xfeat (64 channels at 1/8; Potje et al. 2024), alike-t or alike-n (64 and 128 channels at full size; Zhao et al. 2022), of the
files in PEERS_FOLDER. FRAMES.rgb: frames of 854 x 480 in rgb24. Writes OUT/%05d.npy, f16 [60,107,D]. Networks see the picture with
its edge repeated to a multiple of 32; ALIKE's channels are averaged over each cell of 8 x 8 pixels.
"""
import os
import sys

import numpy as np

W, H, CELL = 854, 480, 8
h, w = -(-H // CELL), -(-W // CELL)


def xfeat(folder):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    session = onnxruntime.InferenceSession(folder + "/xfeat/xfeat_dynamic.onnx", options)
    return lambda x: session.run(["descriptors"], {"input": x})[0][0]


class Alike:
    """ALNet up to its descriptors. A 1x1 convolution without bias and a mean over cells may change places: the head comes last."""

    def __init__(self, path):
        import torch
        from safetensors.torch import load_file

        self.t, self.w = torch, load_file(path)
        torch.set_grad_enabled(False)

    def conv(self, x, name, pad=0):
        return self.t.nn.functional.conv2d(x, self.w[name + ".weight"], self.w.get(name + ".bias"), padding=pad)

    def conv_bn(self, x, block, i):
        bn = [self.w[f"{block}.bn{i}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        return self.t.nn.functional.batch_norm(self.conv(x, f"{block}.conv{i}", 1), *bn)

    def block(self, x, name):
        y = self.conv_bn(self.t.relu(self.conv_bn(x, name, 1)), name, 2)
        return self.t.relu(y + self.conv(x, name + ".downsample") if name + ".downsample.weight" in self.w else y)

    def __call__(self, x):
        f = self.t.nn.functional
        x, parts = self.t.from_numpy(x), []
        for i, pool in enumerate((1, 2, 4, 4)):
            x = self.block(f.max_pool2d(x, pool) if pool > 1 else x, f"block{i + 1}")
            y = self.t.relu(self.conv(x, f"conv{i + 1}"))
            if i:
                y = f.interpolate(y, scale_factor=2 ** (2 * i - 1), mode="bilinear", align_corners=True)
            parts.append(f.avg_pool2d(y, CELL))
        return self.conv(self.t.cat(parts, 1), "convhead2")[0, :-1].numpy()  # the last channel is the score


def main():
    peer, folder, frames, out = sys.argv[1:]
    network = xfeat(folder) if peer == "xfeat" else Alike(f"{folder}/alike/{peer}.safetensors")
    os.makedirs(out, exist_ok=True)
    video = np.memmap(frames, np.uint8, "r").reshape(-1, H, W, 3)
    for i, rgb in enumerate(video):
        padded = np.pad(rgb, ((0, -H % 32), (0, -W % 32), (0, 0)), mode="edge")
        x = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / 255
        np.save(f"{out}/{i:05d}.npy", network(x).transpose(1, 2, 0)[:h, :w].astype(np.float16))


main()
