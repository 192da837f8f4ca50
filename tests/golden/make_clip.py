#!/usr/bin/env python3
"""clip_text_{sd1,sd2}.safetensors - small text encoders with random weights, and what transformers computes with them.

    pip install torch==2.13.0 transformers==5.23.0 safetensors==0.8.0
    tests/golden/make_clip.py tests/golden

Weights are under transformers' names, rounded to f16 and stored so. Beside them:

    in.ids      i32 [2,77]     a short text and a full one
    out.K       f32 [2,77,C]   the final norm of what K layers give, K = 0..n; the last is last_hidden_state

SD 2.x runs its final norm over the penultimate layer: diffusers' folders leave the last layer out, so `out.n` is right
for both. __metadata__ has the config.
"""
import sys

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

N_TOKENS = 120


def ids():
    g = torch.Generator().manual_seed(3)
    short = [N_TOKENS - 2, 5, 17, 17, 90, N_TOKENS - 1]
    short += [N_TOKENS - 1] * (77 - len(short))
    full = [N_TOKENS - 2] + torch.randint(0, N_TOKENS - 2, (75,), generator=g).tolist() + [N_TOKENS - 1]
    return torch.tensor([short, full], dtype=torch.int32)


def make(path, seed, activation, width, heads, inner, layers):
    torch.manual_seed(seed)
    config = CLIPTextConfig(vocab_size=N_TOKENS, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                            num_attention_heads=heads, max_position_embeddings=77, hidden_act=activation,
                            bos_token_id=N_TOKENS - 2, eos_token_id=N_TOKENS - 1, pad_token_id=N_TOKENS - 1)
    model = CLIPTextModel(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            # Larger than the library's own start, and norms that are not 1 and 0: mistakes must show.
            r = torch.randn_like(p)
            p.copy_((1 + 0.2 * r if 'norm' in name and name.endswith('weight') else 0.15 * r).half().float())
        x = ids()
        out = model(x.long(), output_hidden_states=True)
        inner_model = getattr(model, 'text_model', model)
        tensors = {n if n.startswith('text_model.') else 'text_model.' + n: p.half().contiguous()
                   for n, p in model.named_parameters()}
        tensors['in.ids'] = x
        for k, h in enumerate(out.hidden_states):
            tensors[f'out.{k}'] = inner_model.final_layer_norm(h).contiguous()
        assert torch.equal(tensors[f'out.{layers}'], out.last_hidden_state)
    save_file(tensors, path, metadata={'layers': str(layers), 'heads': str(heads), 'activation': activation})
    print(path, sum(t.numel() * t.element_size() for t in tensors.values()), 'bytes')


if __name__ == '__main__':
    folder = sys.argv[1] if len(sys.argv) > 1 else 'tests/golden'
    make(f'{folder}/clip_text_sd1.safetensors', 1, 'quick_gelu', 48, 3, 96, 3)
    make(f'{folder}/clip_text_sd2.safetensors', 2, 'gelu', 64, 2, 112, 2)
