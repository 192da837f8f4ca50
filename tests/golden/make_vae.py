#!/usr/bin/env python3
"""vae_{a,b}.safetensors, taesd_{a,b}.safetensors - small encoders with random weights, and what diffusers computes.

    pip install torch==2.13.0 diffusers==0.42.1 safetensors==0.8.0
    tests/golden/make_vae.py tests/golden

Weights are under diffusers' names (taesd_b: those of the author's own file), rounded to f16 and stored so; the decoder is
left out. Beside them, channels last:

    in.image        f16 [N,H,W,3]   -1..1
    out.NAME        f32 [N,h,w,C]   the output of module NAME: encoder.conv_in, encoder.down_blocks.I, encoder.mid_block,
                                    quant_conv
    out.mean        f32 [N,h,w,C]   mean of the posterior times 0.18215
    out.deviation   f32 [N,h,w,C]   its standard deviation times 0.18215; some logvars are beyond diffusers' -30..20
    out.latents     f32 [N,h,w,C]   of TAESD
"""
import sys

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors.torch import save_file


def randomise(model, gain):
    """Weights that keep the size of what flows, norms that are not 1 and 0: mistakes must show."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn_like(p)
            if 'norm' in name and name.endswith('weight'):
                r = 1 + 0.2 * r
            elif p.ndim > 1:
                r = r * gain / (p[0].numel() ** 0.5)
            else:
                r = 0.1 * r
            p.copy_(r.half().float())


def last(t):
    return t.permute(0, 2, 3, 1).contiguous()


def image(n, h, w):
    return (torch.rand(n, 3, h, w) * 2 - 1).half().float()


def save(path, tensors, config):
    save_file(tensors, path, metadata={k: str(v) for k, v in config.items()})
    print(path, sum(t.numel() * t.element_size() for t in tensors.values()), 'bytes')


def make_vae(path, seed, channels, layers, groups, n, h, w):
    torch.manual_seed(seed)
    k = len(channels)
    model = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=channels,
                          down_block_types=('DownEncoderBlock2D',) * k, up_block_types=('UpDecoderBlock2D',) * k,
                          layers_per_block=layers, norm_num_groups=groups).eval()
    randomise(model, 1.0)
    tensors, x = {}, image(n, h, w)

    def keep(name):
        return lambda module, args, out: tensors.update({f'out.{name}': last(out)})

    with torch.no_grad():
        model.quant_conv.weight.mul_(24)     # log variances beyond both limits
        model.quant_conv.weight.copy_(model.quant_conv.weight.half().float())
        parts = {'encoder.conv_in': model.encoder.conv_in, 'encoder.mid_block': model.encoder.mid_block,
                 'quant_conv': model.quant_conv}
        parts |= {f'encoder.down_blocks.{i}': b for i, b in enumerate(model.encoder.down_blocks)}
        for name, module in parts.items():
            module.register_forward_hook(keep(name))
        posterior = model.encode(x).latent_dist
        tensors['in.image'] = last(x).half()
        tensors['out.mean'] = last(posterior.mode() * 0.18215)
        tensors['out.deviation'] = last(posterior.std * 0.18215)
        for name, p in model.named_parameters():
            if name.startswith(('encoder.', 'quant_conv.')):
                tensors[name] = p.half().contiguous()
    logvar = tensors['out.quant_conv'][..., 4:]
    print('log variances', logvar.min().item(), logvar.max().item())
    save(path, tensors, {'channels': channels, 'layers': layers, 'groups': groups})


def make_taesd(path, seed, channels, blocks, own_names, n, h, w):
    torch.manual_seed(seed)
    k = len(channels)
    model = AutoencoderTiny(encoder_block_out_channels=channels, decoder_block_out_channels=channels,
                            num_encoder_blocks=blocks, num_decoder_blocks=blocks).eval()
    randomise(model, 1.2)
    x = image(n, h, w)
    with torch.no_grad():
        latents = model.encode(x).latents
    prefix = 'encoder.layers.'
    tensors = {(name[len(prefix):] if own_names else name): p.detach().half().contiguous()
               for name, p in model.named_parameters() if name.startswith(prefix)}
    tensors['in.image'] = last(x).half()
    tensors['out.latents'] = last(latents)
    save(path, tensors, {'channels': channels, 'blocks': blocks})


if __name__ == '__main__':
    folder = sys.argv[1] if len(sys.argv) > 1 else 'tests/golden'
    make_vae(f'{folder}/vae_a.safetensors', 11, (16, 16, 32), 1, 8, 2, 24, 16)
    make_vae(f'{folder}/vae_b.safetensors', 12, (8, 24), 2, 4, 1, 18, 34)
    make_taesd(f'{folder}/taesd_a.safetensors', 13, (16, 16, 16, 16), (1, 3, 3, 3), False, 2, 24, 16)
    make_taesd(f'{folder}/taesd_b.safetensors', 14, (12, 12, 12), (1, 2, 1), True, 1, 20, 28)
