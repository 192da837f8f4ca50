#!/usr/bin/env python3
"""Small files of weights as other programs write them, and what is in them.

    pip install torch==2.13.0 numpy==2.4.6 safetensors==0.8.0
    tests/golden/make_tensor_files.py -o tests/golden/tensor_files

expected.txt has a line for each array: file, name, type, shape, bytes in hex; and a line for each file's
metadata: file, "metadata", JSON. Fields are separated by tabs. pickles/ has the data.pkl of each archive, for fuzzing.
Keys of storages in old.pth are addresses, so that file differs from run to run; its content does not.
"""
import argparse
import collections
import json
import struct
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

TYPES = {
    torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.float64: "f64", torch.int64: "i64",
    torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool",
}


def packed_bytes(tensor):
    packed = tensor.detach().contiguous().reshape(-1).clone()
    return bytes(packed.view(torch.uint8).tolist()) if packed.numel() else b""


def flatten(value, name=""):
    """(name, tensor) of everything in it, named as io/tensor_file.h says."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from flatten(item, f"{name}.{i}" if name else str(i))


class Folder:
    def __init__(self, path):
        self.path = path
        self.lines = []

    def expect(self, file, value, metadata):
        for name, tensor in sorted(flatten(value)):
            shape = ",".join(str(n) for n in tensor.shape)
            self.lines.append("\t".join([file, name, TYPES[tensor.dtype], shape, packed_bytes(tensor).hex()]))
        self.lines.append("\t".join([file, "metadata", json.dumps(metadata)]))

    def torch(self, file, value, metadata, **how):
        torch.save(value, self.path / file, **how)
        self.expect(file, value, metadata)
        if zipfile.is_zipfile(self.path / file):
            stem = Path(file).stem
            (self.path / "pickles" / f"{stem}.pkl").write_bytes(zipfile.ZipFile(self.path / file).read(f"{stem}/data.pkl"))


def every_type():
    numbers = torch.tensor([[1.0, -2.5, 0.125], [65504.0, 0.0, -0.0]])
    tensors = {f"of.{name}": (numbers.abs() % 127).to(dtype) for dtype, name in TYPES.items()}
    tensors |= {"number": torch.tensor(3.25), "none": torch.zeros(0, 4)}
    return tensors


def save_unaligned(path, tensors):
    """A header without the spaces that later versions of the library pad it with: data at odd addresses."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = packed_bytes(tensor)
        header[name] = {"dtype": TYPES[tensor.dtype].upper(), "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    if len(text) % 2 == 0:
        text += b" "
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def views():
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    half = torch.arange(10, dtype=torch.float16)
    return {
        "base": base,
        "transposed": base.transpose(0, 2),
        "row": base[1, 2],
        "every_other": base[:, :, ::2],
        "column": base[:, :, 1:2],
        "expanded": torch.tensor([[1.5], [2.5]]).expand(2, 3),
        "tail": half[7:],
        "parameter": torch.nn.Parameter(half[2:4].clone()),
        "number": torch.tensor(-7),
        "none": torch.zeros(3, 0, dtype=torch.float64),
        "nested": {"list": [torch.tensor([1, 2], dtype=torch.int16), {"x": torch.tensor([True, False])}], 7: torch.ones(1)},
    }


def aggregation():
    """What the training script of Diffusion Hyperfeatures saves, in small."""
    net = collections.OrderedDict(mixing_weights=torch.linspace(-1, 1, 6))
    net["bottleneck_layers.0.0.conv1.weight"] = torch.arange(8, dtype=torch.float32).reshape(2, 4, 1, 1) / 8
    net["bottleneck_layers.0.0.conv1.norm.weight"] = torch.tensor([1.0, 0.5])
    net._metadata = collections.OrderedDict({"": {"version": 1}})
    config = {"save_timestep": [49, 25, 0], "num_timesteps": 50, "projection_dim": 384, "lr": 1e-3, "flip_timesteps": True,
              "prompt": "", "model_id": "\u00fcber/model", "train_path": None, "idxs": [[1, 0], [1, 1]], "nan": float("nan")}
    said = dict(config, nan=None)
    state = {"state": {0: {"step": torch.tensor(2.0), "exp_avg": torch.ones(3)}},
             "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0]}]}
    metadata = {"step": 5000, "config": said,
                "optimizer_state_dict": {"param_groups": [{"lr": 1e-3, "betas": [0.9, 0.999], "params": [0]}]}}
    return {"step": 5000, "config": config, "aggregation_network": net, "optimizer_state_dict": state}, metadata


def lightning():
    """A Stable Diffusion checkpoint of 2022: a class as a key, a NumPy number as a value."""
    module = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    for name in ["pytorch_lightning", "pytorch_lightning.callbacks"]:
        sys.modules[name] = types.ModuleType(name)
    sys.modules[module.__name__] = module
    weights = {"model.diffusion_model.out.2.bias": torch.tensor([0.5, 1.0, -1.0, 2.0], dtype=torch.float16),
               "alphas_cumprod": torch.linspace(1, 0, 5)}
    value = {"epoch": 0, "global_step": 470000, "big": 2**80, "state_dict": weights,
             "callbacks": {module.ModelCheckpoint: {"monitor": "val", "best": np.float64(0.25)}}}
    metadata = {"epoch": 0, "global_step": 470000, "big": None,
                "callbacks": {module.__name__ + ".ModelCheckpoint": {"monitor": "val", "best": None}}}
    return value, metadata


def training():
    """A whole checkpoint of DINO: the options of the script beside the networks."""
    args = argparse.Namespace(arch="vit_small", patch_size=8, out_dim=65536)
    value = {"teacher": {"module.backbone.cls_token": torch.full((1, 1, 3), 0.25)}, "args": args, "dtype": torch.float16,
             "device": torch.device("cpu"), "size": torch.Size([2, 3]), "names": {"a"}}
    return value, {"args": vars(args), "dtype": "torch.float16", "device": "cpu", "size": [2, 3], "names": ["a"]}


def shards(folder):
    parts = [{"a.weight": torch.arange(4.0), "a.bias": torch.tensor([9.0])}, {"b.weight": torch.arange(3.0) + 10}]
    for stem, ending, save in [("model", "safetensors", save_file), ("pytorch_model", "bin", torch.save)]:
        where = {}
        for i, part in enumerate(parts):
            file = f"{stem}-{i + 1:05d}-of-00002.{ending}"
            save(part, folder.path / file)
            where |= {name: file for name in part}
        metadata = {"total_size": 32}
        index = f"{stem}.{ending}.index.json"
        (folder.path / index).write_text(json.dumps({"metadata": metadata, "weight_map": where}, indent=2) + "\n")
        folder.expect(index, parts[0] | parts[1], metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    folder = Folder(parser.parse_args().out)
    (folder.path / "pickles").mkdir(parents=True, exist_ok=True)

    save_file(every_type(), folder.path / "types.safetensors", metadata={"format": "pt", "note": "a \"quoted\" word"})
    folder.expect("types.safetensors", every_type(), {"format": "pt", "note": "a \"quoted\" word"})
    save_unaligned(folder.path / "unaligned.safetensors", every_type())
    folder.expect("unaligned.safetensors", every_type(), {})

    folder.torch("types.pt", every_type(), {})
    folder.torch("views.pt", views(), {})
    folder.torch("protocol4.pt", views(), {}, pickle_protocol=4)
    folder.torch("old.pth", views(), {}, _use_new_zipfile_serialization=False)
    folder.torch("aggregation.pt", *aggregation())
    folder.torch("lightning.ckpt", *lightning())
    folder.torch("training.pth", *training())
    folder.torch("alone.pt", torch.tensor([1.0, 2.0]), {})
    shards(folder)

    (folder.path / "expected.txt").write_text("\n".join(folder.lines) + "\n")


if __name__ == "__main__":
    main()
