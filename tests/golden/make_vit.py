#!/usr/bin/env python3
"""Make the goldens of tests/test_vit.c: tiny random vision transformers and what comes out of them.

    tests/golden/make_vit.py [--dino DIR] [--dinov2 DIR] [--dino-vit-features DIR]

Needs pip: torch 2.13, transformers 5.23, safetensors 0.8, numpy 2. The network below is written from its public definition
and runs in float64. It is compared with Hugging Face's models, and with checkouts of the public
repositories where their folders are given; only then are the files written. Weights have 11 bits, so that
f16 holds them exactly.
"""
import argparse
import importlib
import importlib.util
import math
import os
import sys
import tempfile
from unittest.mock import MagicMock

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
FACETS = ["token", "raw", "key", "query", "value"]


class Config:
    def __init__(self, width=48, depth=3, heads=3, hidden=96, patch=8, side=4, registers=0, scale=False, swiglu=False):
        self.__dict__.update(locals())


def random_weights(c, seed):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape, std=0.15, mean=0.0):
        return (torch.randn(*shape, generator=g, dtype=torch.float64) * std + mean).half().double()

    w = {
        "cls_token": draw(1, 1, c.width, std=0.5),
        "pos_embed": draw(1, 1 + c.side ** 2, c.width, std=0.5),
        "patch_embed.proj.weight": draw(c.width, 3, c.patch, c.patch, std=1 / c.patch),
        "patch_embed.proj.bias": draw(c.width),
        "norm.weight": draw(c.width, std=0.2, mean=1),
        "norm.bias": draw(c.width),
    }
    if c.registers:
        w["register_tokens"] = draw(1, c.registers, c.width, std=0.5)
    for n in range(c.depth):
        b = f"blocks.{n}."
        for norm in ("norm1", "norm2"):
            w[b + norm + ".weight"], w[b + norm + ".bias"] = draw(c.width, std=0.2, mean=1), draw(c.width)
        shapes = {"attn.qkv": (3 * c.width, c.width), "attn.proj": (c.width, c.width)}
        if c.swiglu:
            shapes.update({"mlp.w12": (2 * c.hidden, c.width), "mlp.w3": (c.width, c.hidden)})
        else:
            shapes.update({"mlp.fc1": (c.hidden, c.width), "mlp.fc2": (c.width, c.hidden)})
        for name, shape in shapes.items():
            w[b + name + ".weight"], w[b + name + ".bias"] = draw(*shape), draw(shape[0])
        if c.scale:
            w[b + "ls1.gamma"], w[b + "ls2.gamma"] = draw(c.width, std=0.2, mean=0.5), draw(c.width, std=0.2, mean=0.5)
    return w


def positions(c, w, H, W, h, wd):
    learnt = w["pos_embed"][:, 1:].reshape(1, c.side, c.side, c.width).permute(0, 3, 1, 2)
    if h * wd == c.side ** 2 and H == W:
        grid = learnt
    elif c.registers:
        grid = F.interpolate(learnt, size=(h, wd), mode="bicubic", antialias=True)
    else:
        grid = F.interpolate(learnt, scale_factor=((h + 0.1) / c.side, (wd + 0.1) / c.side), mode="bicubic")
    assert grid.shape[-2:] == (h, wd)
    return grid.permute(0, 2, 3, 1).reshape(1, h * wd, c.width)


def run(c, w, image, stride=None):
    """{(layer from 1, facet): [h,w,width]} and the class tokens under the last norm."""
    stride = stride or c.patch
    H, W = image.shape[-2:]
    x = F.conv2d(image, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=stride)
    h, wd = x.shape[-2:]
    x = x.flatten(2).transpose(1, 2) + positions(c, w, H, W, h, wd)
    head = [w["cls_token"] + w["pos_embed"][:, :1]] + ([w["register_tokens"]] if c.registers else [])
    x = torch.cat(head + [x], 1)
    L, d = x.shape[1], c.width // c.heads
    out = {}

    def linear(y, name):
        return F.linear(y, w[name + ".weight"], w[name + ".bias"])

    def norm(y, name):
        return F.layer_norm(y, (c.width,), w[name + ".weight"], w[name + ".bias"], 1e-6)

    def cells(y):
        return y[0, 1 + c.registers:].reshape(h, wd, c.width)

    for n in range(c.depth):
        b = f"blocks.{n}."
        q, k, v = linear(norm(x, b + "norm1"), b + "attn.qkv").chunk(3, -1)
        out[n + 1, "query"], out[n + 1, "key"], out[n + 1, "value"] = cells(q), cells(k), cells(v)
        q, k, v = (y.reshape(1, L, c.heads, d).transpose(1, 2) for y in (q, k, v))
        y = (torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(d), -1) @ v).transpose(1, 2).reshape(1, L, c.width)
        y = linear(y, b + "attn.proj")
        x = x + (y * w[b + "ls1.gamma"] if c.scale else y)
        y = norm(x, b + "norm2")
        if c.swiglu:
            a, g = linear(y, b + "mlp.w12").chunk(2, -1)
            y = linear(F.silu(a) * g, b + "mlp.w3")
        else:
            y = linear(F.gelu(linear(y, b + "mlp.fc1")), b + "mlp.fc2")
        x = x + (y * w[b + "ls2.gamma"] if c.scale else y)
        out[n + 1, "raw"], out[n + 1, "token"] = cells(x), cells(norm(x, "norm"))
    return out, norm(x, "norm")


# ---- names of Hugging Face ----

def to_hugging_face(c, w, new):
    """The arrays of w under the names of ViTModel (no layer scale) or Dinov2Model; new: those of transformers 5."""
    top = {"cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings",
           "register_tokens": "embeddings.register_tokens", "patch_embed.proj": "embeddings.patch_embeddings.projection",
           "norm": "layernorm"}
    qkv = ["q_proj", "k_proj", "v_proj"] if new else ["attention.query", "attention.key", "attention.value"]
    proj = "attention.o_proj" if new else "attention.output.dense"
    inner = {"attn.proj": proj, "ls1.gamma": "layer_scale1.lambda1", "ls2.gamma": "layer_scale2.lambda1"}
    if c.scale:
        inner.update({"norm1": "norm1", "norm2": "norm2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
                      "mlp.w12": "mlp.weights_in", "mlp.w3": "mlp.down_proj" if new else "mlp.weights_out"})
    else:
        inner.update({"norm1": "layernorm_before", "norm2": "layernorm_after",
                      "mlp.fc1": "mlp.fc1" if new else "intermediate.dense", "mlp.fc2": "mlp.fc2" if new else "output.dense"})
    out = {}
    for name, value in w.items():
        if not name.startswith("blocks."):
            for key, renamed in top.items():
                if name == key or name.startswith(key + "."):
                    out[renamed + name[len(key):]] = value
            continue
        _, n, rest = name.split(".", 2)
        b = f"layers.{n}." if new and not c.scale else f"encoder.layer.{n}."
        base, kind = rest.rsplit(".", 1)
        if base == "attn.qkv":
            for part, y in zip(qkv, value.chunk(3)):
                out[f"{b}attention.{part}.{kind}"] = y
        elif base == "mlp.w12" and new:
            for part, y in zip(("gate_proj", "up_proj"), value.chunk(2)):
                out[f"{b}mlp.{part}.{kind}"] = y
        elif rest in inner:
            out[b + inner[rest]] = value
        else:
            out[b + inner[base] + "." + kind] = value
    return out


def hugging_face_model(c, w):
    from transformers import (Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel, ViTConfig,
                              ViTModel)
    common = dict(hidden_size=c.width, num_hidden_layers=c.depth, num_attention_heads=c.heads, patch_size=c.patch,
                  image_size=c.patch * c.side, layer_norm_eps=1e-6)
    if not c.scale:
        m = ViTModel(ViTConfig(intermediate_size=c.hidden, **common), add_pooling_layer=False)
    else:
        # intermediate of SwiGLU: (int(4 width * 2 / 3) + 7) // 8 * 8
        common.update(mlp_ratio=4 if c.swiglu else c.hidden // c.width, use_swiglu_ffn=c.swiglu)
        m = (Dinov2WithRegistersModel(Dinov2WithRegistersConfig(num_register_tokens=c.registers, **common)) if c.registers
             else Dinov2Model(Dinov2Config(**common)))
    m = m.double().eval()
    state = to_hugging_face(c, w, True)
    missing, extra = m.load_state_dict(state, strict=False)
    assert not extra and all("mask_token" in k for k in missing), (missing, extra)
    return m


def differ(a, b):
    return float((a - b).norm() / b.norm())


def report(what, error, limit=1e-6):
    print(f"  {what:64s} {error:.1e}")
    assert error < limit


def check_hugging_face(c, w, images):
    m = hugging_face_model(c, w)
    for image in images:
        H, W = image.shape[-2:]
        # These models interpolate to the grid's own size: equal to the repositories at the learnt size only, and
        # with registers.
        if not c.registers and (H != W or H != c.side * c.patch):
            continue
        with torch.no_grad():
            theirs = m(pixel_values=image).last_hidden_state
            ours = run(c, w, image)[1]
        report(f"transformers {type(m).__name__} {W} x {H}", differ(ours, theirs))


def load_module(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def check_dino(folder, c, w, images):
    sys.path.insert(0, folder)
    vits = load_module(os.path.join(folder, "vision_transformer.py"), "dino_vision_transformer")
    sys.path.pop(0)
    from functools import partial
    m = vits.VisionTransformer(img_size=[c.patch * c.side], patch_size=c.patch, embed_dim=c.width, depth=c.depth,
                               num_heads=c.heads, mlp_ratio=c.hidden / c.width, qkv_bias=True,
                               norm_layer=partial(torch.nn.LayerNorm, eps=1e-6)).double().eval()
    m.load_state_dict(w)
    for image in images:
        with torch.no_grad():
            theirs = m.get_intermediate_layers(image, c.depth)
        for n in range(c.depth):
            ours = run(c, w, image)[0][n + 1, "token"]
            report(f"dino, layer {n + 1}, {image.shape[-1]} x {image.shape[-2]}",
                   differ(ours, theirs[n][0, 1:].reshape(ours.shape)))
    return m


def check_dinov2(folder, c, w, images):
    os.environ["XFORMERS_DISABLED"] = "1"
    sys.path.insert(0, folder)
    from functools import partial
    from dinov2.layers import MemEffAttention, NestedTensorBlock
    from dinov2.models.vision_transformer import DinoVisionTransformer
    sys.path.pop(0)
    kwargs = dict(num_register_tokens=c.registers, interpolate_antialias=bool(c.registers),
                  interpolate_offset=0.0 if c.registers else 0.1)
    m = DinoVisionTransformer(img_size=c.patch * c.side, patch_size=c.patch, embed_dim=c.width, depth=c.depth,
                              num_heads=c.heads, mlp_ratio=4 if c.swiglu else c.hidden / c.width, init_values=1.0,
                              ffn_layer="swiglufused" if c.swiglu else "mlp", block_chunks=0,
                              block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention), **kwargs).double().eval()
    m.load_state_dict(dict(w, mask_token=torch.zeros(1, c.width)))
    for image in images:
        with torch.no_grad():
            theirs = m.get_intermediate_layers(image, c.depth)
        for n in range(c.depth):
            ours = run(c, w, image)[0][n + 1, "token"]
            report(f"dinov2{', registers' if c.registers else ''}{', SwiGLU' if c.swiglu else ''}, layer {n + 1}, "
                   f"{image.shape[-1]} x {image.shape[-2]}",
                   differ(ours, theirs[n][0].reshape(ours.shape)))


# ---- dino-vit-features ----

def log_bin(x, levels):
    """x [h,w,C] -> [h,w,(1 + 8 levels) C]."""
    h, w, C = x.shape
    parts = []
    for k in range(levels):
        size = 3 ** k
        mean = F.avg_pool2d(x.permute(2, 0, 1)[None], size, 1, size // 2, count_include_pad=False)[0].permute(1, 2, 0)
        for i in (-size, 0, size):
            for j in (-size, 0, size):
                if i or j or not k:
                    y = torch.arange(h).add(i).clamp(0, h - 1)
                    xx = torch.arange(w).add(j).clamp(0, w - 1)
                    parts.append(mean[y][:, xx])
    return torch.cat(parts, -1)


def extractor_class(folder):
    """Its class, without what only reads pictures and downloads weights."""
    for name in ("timm", "torchvision", "torchvision.transforms", "PIL"):
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = MagicMock()
    return load_module(os.path.join(folder, "extractor.py"), "dino_vit_features").ViTExtractor


def check_features(folder, dino, c, w, image):
    """Keys, queries, values, tokens, overlapping patches and bins of ShirAmir/dino-vit-features."""
    cls = extractor_class(folder)
    for stride in (c.patch, c.patch // 2):
        e = cls("dino_tiny", stride, model=dino, device="cpu")
        e.p, e.stride = c.patch, (stride, stride)
        ours = run(c, w, image, stride)[0]
        for facet in ("token", "key", "query", "value"):
            with torch.no_grad():
                theirs = e.extract_descriptors(image.clone(), 1, facet)[0, 0]
            mine = ours[2, "raw" if facet == "token" else facet]
            if facet != "token":  # theirs has the heads inside
                mine = mine.reshape(-1, c.heads, c.width // c.heads).transpose(1, 2)
            report(f"dino-vit-features, stride {stride}, {facet}", differ(mine.reshape(theirs.shape), theirs))
        with torch.no_grad():
            theirs = e.extract_descriptors(image.clone(), 1, "token", bin=True)[0, 0]
        mine = log_bin(ours[2, "raw"], 2)
        report(f"dino-vit-features, stride {stride}, bins", differ(mine.reshape(theirs.shape), theirs))


def check_bins(folder, x):
    e = extractor_class(folder).__new__(extractor_class(folder))
    e.device, e.num_patches = "cpu", x.shape[:2]
    for levels in (1, 2, 3):
        theirs = e._log_bin(x.reshape(1, 1, -1, x.shape[2]), levels)[0, 0]
        report(f"dino-vit-features, bins of {levels} levels", differ(log_bin(x, levels).reshape(theirs.shape), theirs))


# ---- files ----

def f16(w):
    return {k: v.numpy().astype(np.float16) for k, v in w.items()}


def write(name, arrays, **metadata):
    path = os.path.join(HERE, name)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, {k: str(v) for k, v in metadata.items()})
    os.chmod(path, 0o644)
    print(f"{name}: {os.path.getsize(path)} bytes")
    assert os.path.getsize(path) < 300000


def picture(g, W, H):
    return (torch.randn(1, 3, H, W, generator=g, dtype=torch.float64)).half().double()


def golden(name, c, seed, sizes, strides, a):
    print(name)
    w = random_weights(c, seed)
    g = torch.Generator().manual_seed(seed + 1)
    images = [picture(g, *size) for size in sizes]
    check_hugging_face(c, w, images)
    dino = None
    if not c.scale and a.dino:
        dino = check_dino(a.dino, c, w, images)
    if c.scale and a.dinov2:
        check_dinov2(a.dinov2, c, w, images)
    if dino is not None and a.dino_vit_features:
        check_features(a.dino_vit_features, dino, c, w, images[0])
    arrays = f16(w)
    for i, image in enumerate(images):
        arrays[f"golden.{i}.image"] = image[0].permute(1, 2, 0).numpy().astype(np.float16)
        for stride in strides if i == 0 else [c.patch]:
            for (layer, facet), value in run(c, w, image, stride)[0].items():
                if (i == 0 and stride == c.patch) or layer == c.depth:
                    arrays[f"golden.{i}.{stride}.{layer}.{facet}"] = value.numpy().astype(np.float32)
    write(name, arrays, num_attention_heads=c.heads)


def names(seed):
    """One network under every set of names; the output of the first layer's block and of the last."""
    for kind, c in (("dino", Config(width=16, depth=2, heads=2, hidden=32, patch=4, side=2)),
                    ("dinov2", Config(width=16, depth=2, heads=2, hidden=24, patch=4, side=2, registers=2, scale=True,
                                      swiglu=True))):
        w = random_weights(c, seed)
        image = picture(torch.Generator().manual_seed(seed + 1), 12, 8)
        result = {"golden.image": image[0].permute(1, 2, 0).numpy().astype(np.float16),
                  "golden.token": run(c, w, image)[0][2, "token"].numpy().astype(np.float32)}
        other = random_weights(c, seed + 7)

        def chunked(n):
            return "blocks.0." + n[7:] if n.startswith("blocks.0.") else "blocks.1." + n[7:] if n.startswith("blocks.") else n

        variants = {
            "native": w,
            "teacher": {**{"student.module.backbone." + k: v for k, v in other.items()},
                        **{"teacher.backbone." + k: v for k, v in w.items()}},
            "chunks": {"module." + chunked(k): v for k, v in w.items()},
            "hf": to_hugging_face(c, w, False),
            "hf_new": {"vit." + k: v for k, v in to_hugging_face(c, w, True).items()},
        }
        for variant, arrays in variants.items():
            write(f"vit_names_{kind}_{variant}.safetensors", {**f16(arrays), **result}, num_attention_heads=c.heads)
        if kind == "dino":
            checkpoint = {"student": {"module.backbone." + k: v.half() for k, v in other.items()},
                          "teacher": {"backbone." + k: v.half() for k, v in w.items()}, "epoch": 100,
                          "num_attention_heads": c.heads, "args": argparse.Namespace(arch="vit_tiny", patch_size=c.patch)}
            torch.save(checkpoint, os.path.join(HERE, "vit_names_dino.pth"))
            model(c, w)


def aggregation(width, depth, D, g):
    """An aggregation network over `depth` layers at one step, as archs/aggregation_network.py of Diffusion Hyperfeatures
    names it."""
    w = {"mixing_weights": torch.randn(depth, generator=g, dtype=torch.float64)}
    for layer in range(depth):
        shapes = {"conv1": (D // 4, width, 1), "conv2": (D // 4, D // 4, 3), "conv3": (D, D // 4, 1), "shortcut": (D, width, 1)}
        for name, (n_out, n_in, k) in shapes.items():
            b = f"bottleneck_layers.{layer}.0.{name}."
            w[b + "weight"] = torch.randn(n_out, n_in, k, k, generator=g, dtype=torch.float64) / (n_in * k * k) ** 0.5
            w[b + "norm.weight"] = 1 + 0.2 * torch.randn(n_out, generator=g, dtype=torch.float64)
            w[b + "norm.bias"] = 0.2 * torch.randn(n_out, generator=g, dtype=torch.float64)
    return {k: v.half().double() for k, v in w.items()}


def aggregate(w, maps):
    mixing = torch.softmax(w["mixing_weights"], 0)
    total = 0
    for layer, x in enumerate(maps):
        def conv(y, name):
            b = f"bottleneck_layers.{layer}.0.{name}."
            y = F.conv2d(y, w[b + "weight"], padding=w[b + "weight"].shape[-1] // 2)
            return F.group_norm(y, 32, w[b + "norm.weight"], w[b + "norm.bias"])

        x = x.permute(2, 0, 1)[None]
        y = conv(F.relu(conv(F.relu(conv(x, "conv1")), "conv2")), "conv3") + conv(x, "shortcut")
        total = total + mixing[layer] * F.relu(y)
    return total[0].permute(1, 2, 0)


def model(c, w):
    """What src/model_dino.c gives for a picture: continued at its edges, and descriptors of unit length."""
    g = torch.Generator().manual_seed(21)
    rgb = torch.randint(0, 256, (11, 14, 3), generator=g, dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()
    net = aggregation(c.width, c.depth, 128, g)
    out = {"rgb": rgb.numpy()}

    def unit(x):
        return x / x.norm(dim=-1, keepdim=True)

    for stride in (c.patch, c.patch // 2):
        h, wd = -(-rgb.shape[0] // stride), -(-rgb.shape[1] // stride)
        margin = (c.patch - stride) // 2
        H, W = (h - 1) * stride + c.patch, (wd - 1) * stride + c.patch
        padded = np.pad(rgb.numpy(), ((margin, H - rgb.shape[0] - margin), (margin, W - rgb.shape[1] - margin), (0, 0)), "edge")
        x = ((torch.from_numpy(padded).double() / 255 - mean) / std).permute(2, 0, 1)[None]
        maps = run(c, w, x, stride)[0]
        n = f"{stride}."
        out[n + "last"] = unit(maps[c.depth, "token"])
        out[n + "key"] = unit(maps[1, "key"])
        out[n + "bins"] = unit(log_bin(maps[1, "key"], 2))
        out[n + "all"] = unit(torch.cat([unit(maps[i + 1, "raw"]) for i in range(c.depth)], -1))
        out[n + "aggregated"] = unit(aggregate(net, [maps[i + 1, "token"] for i in range(c.depth)]))
    write("vit_model.safetensors", {k: v if k == "rgb" else v.numpy().astype(np.float32) for k, v in out.items()})
    write("vit_aggregation.safetensors", f16(net))


def bins(a):
    g = torch.Generator().manual_seed(11)
    x = torch.randn(5, 7, 6, generator=g, dtype=torch.float64).half().double()
    if a.dino_vit_features:
        check_bins(a.dino_vit_features, x)
    write("log_bin.safetensors", {"x": x.numpy().astype(np.float32),
                                  **{f"bins.{n}": log_bin(x, n).numpy().astype(np.float32) for n in (1, 2, 3)}})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dino", help="checkout of facebookresearch/dino")
    p.add_argument("--dinov2", help="checkout of facebookresearch/dinov2")
    p.add_argument("--dino-vit-features", help="checkout of ShirAmir/dino-vit-features")
    a = p.parse_args()
    torch.manual_seed(0)
    golden("vit_dino.safetensors", Config(), 1, [(40, 24), (32, 32), (16, 64)], [8, 4], a)
    golden("vit_dinov2.safetensors", Config(patch=14, side=3, scale=True, depth=2), 2, [(70, 42), (42, 42)], [14, 7], a)
    golden("vit_dinov2_reg.safetensors", Config(patch=14, side=5, registers=4, scale=True, swiglu=True, hidden=128, depth=2),
           3, [(56, 28), (70, 70)], [14, 7], a)
    names(4)
    bins(a)


if __name__ == "__main__":
    main()
