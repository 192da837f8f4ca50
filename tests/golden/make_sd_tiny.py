#!/usr/bin/env python3
"""Makes sd_tiny/: a Stable Diffusion 1-like and a 2-like pipeline with random weights, small enough to be committed.

Each is stored as a diffusers folder and as one file of the original code (LDM); the script converts between the two and holds
its own conversion against that of diffusers. Together they use every layout that src/sd_files.h reads:

  sd1/              diffusers folder: the VAE's attention under its old names, only fp16 variants
  sd1.safetensors   LDM, with a CLIP text encoder, some EMA arrays as decoys
  sd2/              diffusers folder: U-Net in two shards, text encoder as pytorch_model.bin
  sd2.ckpt          LDM in a torch archive ("state_dict"), with OpenCLIP's fused q, k, v; sd2.yaml beside it
  sd1/aggregation_network{,_one-step}.pt, sd2/aggregation_network_sdv2-1.pt

pip: torch 2.13, diffusers 0.42, transformers 5.23, safetensors 0.8, numpy 2
"""
import argparse
import json
import os
import shutil

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint, convert_open_clip_checkpoint)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

CHANNELS = (8, 8, 8, 8)  # at 64 x 64 pixels the last level is one cell, whose norm is 0: use 128 x 128
GROUPS = 8
WIDTH = 8  # of the text encoder
N_TOKENS = 514  # 256 bytes, the same at the end of a word, begin, end


def parts(family):
    """unet, vae, text, scheduler, seeded; every number can be told by f16."""
    torch.manual_seed(family)
    heads = 2 if family == 1 else [1, 1, 1, 1]
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=CHANNELS, norm_num_groups=GROUPS, layers_per_block=2,
        cross_attention_dim=WIDTH, attention_head_dim=heads, use_linear_projection=family == 2)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=GROUPS, layers_per_block=1, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, sample_size=64)
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=N_TOKENS, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=2, num_attention_heads=1,
        max_position_embeddings=77, hidden_act="quick_gelu" if family == 1 else "gelu", bos_token_id=N_TOKENS - 2,
        eos_token_id=N_TOKENS - 1, pad_token_id=N_TOKENS - 1 if family == 1 else 0))
    # Weights as they are initialised leave taps that hardly depend on the picture: stronger ones, gains off 1.
    for net in (unet, vae, text):
        for name, p in net.named_parameters():
            with torch.no_grad():
                if p.ndim == 1 and "norm" in name and name.endswith("weight"):
                    p.uniform_(0.5, 1.5)
                elif p.ndim == 1:
                    p.uniform_(-0.2, 0.2)
                elif p.ndim > 1 and "embedding" not in name:
                    p.mul_(1.5)
                p.copy_(p.half().float())
        net.eval()
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, clip_sample=False,
        set_alpha_to_one=False, prediction_type="epsilon" if family == 1 else "v_prediction")
    return unet, vae, text, scheduler


def text_names(state):
    """The names of files: transformers 5 has no "text_model." in its module, its files do."""
    return {k if k.startswith("text_model.") else "text_model." + k: v
            for k, v in state.items() if not k.endswith("position_ids")}


# ---- to the names of LDM ----

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
UNET_TOP = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "conv_out": "out.2",
            "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_to_ldm(name, n_layers=2):
    words = name.split(".")
    tail = words[-1]
    stem = ".".join(words[:-1])
    if stem in UNET_TOP:
        return f"{UNET_TOP[stem]}.{tail}"
    if words[0] == "mid_block":
        at = {("resnets", "0"): 0, ("attentions", "0"): 1, ("resnets", "1"): 2}[(words[1], words[2])]
        rest = ".".join(words[3:])
        return f"middle_block.{at}." + (f"{RESNET[words[3]]}.{tail}" if words[1] == "resnets" else rest)
    block, kind, index = int(words[1]), words[2], int(words[3])
    if words[0] == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * (n_layers + 1)}.0.op.{tail}"
        where = f"input_blocks.{1 + block * (n_layers + 1) + index}"
    else:
        last = block * (n_layers + 1) + n_layers
        if kind == "upsamplers":
            return f"output_blocks.{last}.{1 if block == 0 else 2}.conv.{tail}"  # block 0 has no attention
        where = f"output_blocks.{block * (n_layers + 1) + index}"
    if kind == "attentions":
        return f"{where}.1." + ".".join(words[4:])
    return f"{where}.0.{RESNET[words[4]]}.{tail}"


def vae_to_ldm(name):
    for old, new in VAE_ATTENTION.items():
        name = name.replace(f"mid_block.attentions.0.{old}.", f"mid.attn_1.{new}.")
    name = name.replace("mid_block.resnets.0.", "mid.block_1.").replace("mid_block.resnets.1.", "mid.block_2.")
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    words = name.split(".")
    if words[1] == "down_blocks":
        kind = {"resnets": "block." + words[4], "downsamplers": "downsample"}[words[3]]
        return ".".join([words[0], "down", words[2], kind] + words[5:])
    return name


def open_clip(state, n_layers):
    """OpenCLIP's names, q, k, v in one array, and one more layer, which SD 2 does not use."""
    out = {"token_embedding.weight": state["text_model.embeddings.token_embedding.weight"],
           "positional_embedding": state["text_model.embeddings.position_embedding.weight"],
           "ln_final.weight": state["text_model.final_layer_norm.weight"],
           "ln_final.bias": state["text_model.final_layer_norm.bias"],
           "text_projection": torch.zeros(WIDTH, WIDTH, dtype=torch.half),
           "logit_scale": torch.tensor(4.6, dtype=torch.half)}
    pairs = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj"}
    for i in range(n_layers):
        here, there = f"text_model.encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for kind in ("weight", "bias"):
            for a, b in pairs.items():
                out[f"{there}{b}.{kind}"] = state[f"{here}{a}.{kind}"]
            out[f"{there}attn.in_proj_{kind}"] = torch.cat([state[f"{here}self_attn.{x}_proj.{kind}"] for x in "qkv"])
    for name in [k for k in out if k.startswith("transformer.resblocks.0.")]:
        out[name.replace(".0.", f".{n_layers}.", 1)] = torch.full_like(out[name], 9.0)
    return out


def half(state):
    return {k: v.detach().half().contiguous() for k, v in state.items()}


def to_ldm(family, unet, vae, text):
    state = {}
    for k, v in half(unet.state_dict()).items():
        is_conv = family == 1 and k.endswith(("proj_in.weight", "proj_out.weight"))
        assert not is_conv or v.ndim == 4
        state["model.diffusion_model." + unet_to_ldm(k)] = v
    for k, v in half(vae.state_dict()).items():
        if k.startswith(("decoder.", "post_quant")):
            continue  # hfprop has no use for it, and the file stays small
        new = vae_to_ldm(k)
        if "attn_1" in new and v.ndim == 2:
            v = v[:, :, None, None]
        state["first_stage_model." + new] = v
    names = text_names(half(text.state_dict()))
    if family == 1:
        state.update({"cond_stage_model.transformer." + k: v for k, v in names.items()})
    else:
        state.update({"cond_stage_model.model." + k: v for k, v in open_clip(names, 2).items()})
    state["model_ema.decay"] = torch.tensor(0.9999)
    state["model_ema.diffusion_modelinput_blocks00weight"] = torch.full((8, 4, 3, 3), 7.0).half()
    check_ldm(family, state, unet, vae, text)
    return state


def check_ldm(family, ldm, unet, vae, text):
    """What diffusers makes of the single file must be what went in."""
    want = half(unet.state_dict())
    got = convert_ldm_unet_checkpoint(dict(ldm), dict(unet.config))
    assert sorted(want) == sorted(got) and all(torch.equal(want[k], got[k]) for k in want)
    want = {k: v for k, v in half(vae.state_dict()).items() if not k.startswith(("decoder.", "post_quant"))}
    fake = {"first_stage_model." + k: v for k, v in (("post_quant_conv.weight", torch.zeros(1)),
                                                     ("post_quant_conv.bias", torch.zeros(1)))}
    for k in ("decoder.conv_in", "decoder.conv_out", "decoder.norm_out"):
        fake.update({f"first_stage_model.{k}.{t}": torch.zeros(1) for t in ("weight", "bias")})
    got = convert_ldm_vae_checkpoint({**ldm, **fake}, dict(vae.config))
    assert all(torch.equal(want[k], got[k].reshape(want[k].shape)) for k in want), "vae"
    if family == 2:
        want = half(text.state_dict())
        got = text_names(convert_open_clip_checkpoint(text, dict(ldm)))
        assert all(torch.equal(v, got[k]) for k, v in text_names(want).items()), "open clip"


# ---- files ----

def dump(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1, sort_keys=True)
        f.write("\n")


def save_config(net, folder):
    """config.json as diffusers writes it, without the path it was made at."""
    os.makedirs(folder)
    config = dict(net.config.to_dict() if hasattr(net.config, "to_dict") else net.config)
    config = {k: v for k, v in config.items() if k not in ("_name_or_path", "_use_default_values")}
    config["_class_name"] = type(net).__name__
    dump(os.path.join(folder, "config.json"), config)


def byte_letters():
    """The letters that stand for bytes in CLIP's vocabulary, in its order."""
    own = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    return [chr(b) for b in own] + [chr(256 + i) for i in range(256 - len(own))]


def save_tokenizer(folder, family):
    os.makedirs(folder)
    letters = byte_letters()
    words = letters + [x + "</w>" for x in letters] + ["<|startoftext|>", "<|endoftext|>"]
    assert len(words) == N_TOKENS
    with open(os.path.join(folder, "vocab.json"), "w") as f:
        json.dump({w: i for i, w in enumerate(words)}, f)
    with open(os.path.join(folder, "merges.txt"), "w") as f:
        f.write("#version: 0.2\n")
    dump(os.path.join(folder, "tokenizer_config.json"), {
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>" if family == 1 else "!", "model_max_length": 77, "do_lower_case": True,
        "tokenizer_class": "CLIPTokenizer"})


def save_shards(state, folder, n=2):
    stem = "diffusion_pytorch_model"
    names = sorted(state)
    where = {}
    for i in range(n):
        file = f"{stem}-{i + 1:05d}-of-{n:05d}.safetensors"
        mine = names[i * len(names) // n:(i + 1) * len(names) // n]
        save_file({k: state[k] for k in mine}, os.path.join(folder, file), metadata={"format": "pt"})
        where.update({k: file for k in mine})
    size = sum(v.numel() * v.element_size() for v in state.values())
    dump(os.path.join(folder, stem + ".safetensors.index.json"), {"metadata": {"total_size": size}, "weight_map": where})


def old_vae_names(state):
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    out = {}
    for k, v in state.items():
        for new, name in old.items():
            k = k.replace(f"attentions.0.{new}.", f"attentions.0.{name}.")
        out[k] = v
    return out


def one_storage(state):
    """All arrays as views of one storage: a torch archive with one member instead of a thousand."""
    flat = torch.cat([v.reshape(-1).half() for v in state.values()])
    out, at = {}, 0
    for k, v in state.items():
        out[k] = flat[at:at + v.numel()].reshape(v.shape)
        at += v.numel()
    return out


def save_folder(root, family, unet, vae, text, scheduler):
    for name, net in (("unet", unet), ("vae", vae), ("text_encoder", text)):
        save_config(net, os.path.join(root, name))
    save_tokenizer(os.path.join(root, "tokenizer"), family)
    os.makedirs(os.path.join(root, "scheduler"))
    config = {k: v for k, v in scheduler.config.items() if not k.startswith("_")}
    dump(os.path.join(root, "scheduler", "scheduler_config.json"), {**config, "_class_name": "DDIMScheduler"})
    dump(os.path.join(root, "model_index.json"), {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.0",
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "safety_checker": [None, None], "feature_extractor": [None, None],
        "requires_safety_checker": False})
    if family == 1:
        stem = "diffusion_pytorch_model.fp16.safetensors"
        save_file(half(unet.state_dict()), os.path.join(root, "unet", stem), metadata={"format": "pt"})
        save_file(old_vae_names(half(vae.state_dict())), os.path.join(root, "vae", stem), metadata={"format": "pt"})
        save_file(text_names(half(text.state_dict())), os.path.join(root, "text_encoder", "model.fp16.safetensors"),
                  metadata={"format": "pt"})
    else:
        save_shards(half(unet.state_dict()), os.path.join(root, "unet"))
        save_file(half(vae.state_dict()), os.path.join(root, "vae", "diffusion_pytorch_model.safetensors"),
                  metadata={"format": "pt"})
        torch.save(text_names(half(text.state_dict())), os.path.join(root, "text_encoder", "pytorch_model.bin"))


def aggregation(path, family, n_steps, save_timestep, seed, with_config=True, D=32):
    """A file as the public code saves it; group norms over 8 groups."""
    torch.manual_seed(seed)
    inputs = [c for c in reversed(CHANNELS) for _ in range(3)]
    state = {"mixing_weights": torch.randn(len(inputs) * len(save_timestep))}
    for i, c in enumerate(inputs):
        shapes = {"shortcut": (D, c, 1, 1), "conv1": (D // 4, c, 1, 1), "conv2": (D // 4, D // 4, 3, 3),
                  "conv3": (D, D // 4, 1, 1)}
        for name, shape in shapes.items():
            at = f"bottleneck_layers.{i}.0.{name}"
            state[at + ".weight"] = torch.randn(shape) * (2.0 / (shape[1] * shape[2] * shape[3])) ** 0.5
            state[at + ".norm.weight"] = torch.rand(shape[0]) + 0.5
            state[at + ".norm.bias"] = torch.rand(shape[0]) * 0.4 - 0.2
    state = one_storage(state)
    config = {"projection_dim": D, "model_id": "tiny/sd1" if family == 1 else "tiny/sd2", "diffusion_mode": "inversion",
              "output_resolution": 64, "prompt": "", "negative_prompt": "", "guidance_scale": -1,
              "save_timestep": save_timestep, "num_timesteps": n_steps, "flip_timesteps": False}
    whole = {"step": 5000, "config": config, "aggregation_network": state,
             "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 1e-3, "params": [0, 1]}]}}
    torch.save(whole if with_config else state, path)


YAML = """model:
  params:
    parameterization: "v"
    linear_start: 0.00085
    linear_end: 0.0120
    timesteps: 1000
    unet_config:
      params:
        num_head_channels: 8 # 64 in the published model
        use_linear_in_transformer: True
        context_dim: 8
"""


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", default=os.path.join(here, "sd_tiny"))
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    for family in (1, 2):
        unet, vae, text, scheduler = parts(family)
        root = os.path.join(out, f"sd{family}")
        save_folder(root, family, unet, vae, text, scheduler)
        ldm = to_ldm(family, unet, vae, text)
        if family == 1:
            save_file(ldm, root + ".safetensors", metadata={"format": "pt"})
            aggregation(os.path.join(root, "aggregation_network.pt"), 1, 5, [4, 2, 0], 11)
            aggregation(os.path.join(root, "aggregation_network_one-step.pt"), 1, 1, [0], 12)
        else:
            torch.save({"state_dict": one_storage(ldm), "global_step": 220000, "epoch": 4}, root + ".ckpt")
            with open(root + ".yaml", "w") as f:
                f.write(YAML)
            aggregation(os.path.join(root, "aggregation_network_sdv2-1.pt"), 2, 5, [4, 2, 0], 13)
    for folder, _, files in sorted(os.walk(out)):
        for file in sorted(files):
            path = os.path.join(folder, file)
            print(f"{os.path.getsize(path):8d}  {os.path.relpath(path, out)}")
            assert os.path.getsize(path) < 300000, path


if __name__ == "__main__":
    main()
