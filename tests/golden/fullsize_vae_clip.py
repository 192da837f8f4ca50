#!/usr/bin/env python3
"""Text encoders, VAE encoder and TAESD at their real shapes with random weights: hfprop beside PyTorch on the CPU.

    pip install torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 safetensors==0.8.0
    tests/golden/fullsize_vae_clip.py --program build/tests/run_network --work WORK [--threads 2] [--only vae]

Prints a table for tests/golden/README.md: relative error (L2), seconds of the fastest of some repeats, processor seconds of all
threads ("work": what counts on a machine that is busy with other things), PyTorch's in the faster of its two memory formats, and the most memory of each process less what it held before the network was made (PyTorch) or in all
(hfprop). WORK takes 2 GB. Both sides run one after the other, each in a process of its own, with
OMP_WAIT_POLICY=passive so that waiting is not counted as work.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

NAMES = {'vae': 'VAE encoder', 'taesd': 'TAESD encoder', 'sd1': 'text, ViT-L/14', 'sd2': 'text, ViT-H/14, 23 layers'}


def make(what):
    import torch
    torch.manual_seed(5)
    if what == 'vae':
        from diffusers import AutoencoderKL
        model = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512),
                              down_block_types=('DownEncoderBlock2D',) * 4, up_block_types=('UpDecoderBlock2D',) * 4,
                              layers_per_block=2, norm_num_groups=32)
        del model.decoder
        return model.eval()
    if what == 'taesd':
        from diffusers import AutoencoderTiny
        model = AutoencoderTiny()
        del model.decoder
        return model.eval()
    from transformers import CLIPTextConfig, CLIPTextModel
    sizes = dict(sd1=(768, 3072, 12, 12, 'quick_gelu'), sd2=(1024, 4096, 23, 16, 'gelu'))[what]
    config = CLIPTextConfig(vocab_size=49408, hidden_size=sizes[0], intermediate_size=sizes[1], num_hidden_layers=sizes[2],
                            num_attention_heads=sizes[3], max_position_embeddings=77, hidden_act=sizes[4])
    return CLIPTextModel(config).eval()


def inputs(what, size):
    import torch
    g = torch.Generator().manual_seed(6)
    if what in ('vae', 'taesd'):
        return torch.rand(1, 3, size, size, generator=g) * 2 - 1
    return torch.cat([torch.tensor([49406]), torch.randint(0, 49406, (75,), generator=g), torch.tensor([49407])])[None]


def save(what, folder, size):
    from safetensors.torch import save_file
    model, x = make(what), inputs(what, size)
    prefix = '' if what in ('vae', 'taesd') or hasattr(model, 'text_model') else 'text_model.'
    save_file({prefix + n: p.detach().contiguous() for n, p in model.named_parameters()}, f'{folder}/{what}.safetensors')
    if what in ('vae', 'taesd'):
        save_file({'in.image': x.permute(0, 2, 3, 1).contiguous()}, f'{folder}/{what}.in.safetensors')
    else:
        save_file({'in.ids': x.int()}, f'{folder}/{what}.in.safetensors')


def memory_mb(name):
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith(name))


def run_torch(what, folder, size, dtype, threads, repeats):
    """In a process of its own: {seconds, memory}; the output goes to a file."""
    import torch
    torch.set_num_threads(threads)
    kind = torch.bfloat16 if dtype == 'bf16' else torch.float32
    x = inputs(what, size)
    if x.is_floating_point():
        x = x.to(kind)
    before = memory_mb('VmRSS')
    model = make(what).to(kind)

    def forward(x):
        if what == 'vae':
            return model.encode(x).latent_dist.mode() * 0.18215
        return model.encode(x).latents if what == 'taesd' else model(x).last_hidden_state

    best, work = {}, {}
    with torch.inference_mode():
        for layout in ('contiguous', 'channels_last') if x.ndim == 4 else ('contiguous',):
            if layout == 'channels_last':
                model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
            for i in range(repeats + 1):
                start, start_work = time.monotonic(), time.process_time()
                out = forward(x)
                took, work_took = time.monotonic() - start, time.process_time() - start_work
                if i:
                    best[layout] = min(took, best.get(layout, took))
                    work[layout] = min(work_took, work.get(layout, work_took))
    if out.ndim == 4:
        out = out.permute(0, 2, 3, 1)
    out.float().contiguous().numpy().tofile(f'{folder}/{what}.torch.{dtype}')
    print(json.dumps({'seconds': best, 'work': work, 'memory': memory_mb('VmHWM') - before}))


def run_hfprop(program, what, folder, dtype, threads, repeats):
    kind = what if what in ('vae', 'taesd') else 'text'
    out = subprocess.run([program, kind, f'{folder}/{what}.safetensors', f'{folder}/{what}.in.safetensors',
                          f'{folder}/{what}.hfprop.{dtype}', dtype, str(repeats), str(threads)],
                         check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[1]), int(out[2])


def relative_error(folder, what, dtype):
    want = np.fromfile(f'{folder}/{what}.torch.f32', np.float32).astype(np.float64)
    have = np.fromfile(f'{folder}/{what}.{dtype}', np.float32).astype(np.float64)
    return np.linalg.norm(have - want) / np.linalg.norm(want)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', default='build/tests/run_network')
    parser.add_argument('--work', required=True)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--size', type=int, default=512)
    parser.add_argument('--only')
    parser.add_argument('--dtype')
    parser.add_argument('--torch', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ['OMP_WAIT_POLICY'] = 'passive'
    if args.torch:
        return run_torch(args.torch[0], args.work, args.size, args.torch[1], args.threads, args.repeats)
    os.makedirs(args.work, exist_ok=True)
    print('| network | type | error | error of PyTorch | hfprop s | PyTorch s | ratio | hfprop work | PyTorch work | ratio '
          '| hfprop MB | PyTorch MB |')
    print('|---|---|---|---|---|---|---|---|---|---|---|---|')
    for what in [args.only] if args.only else NAMES:
        save(what, args.work, args.size)
        for dtype in [args.dtype] if args.dtype else ('f32', 'bf16'):
            command = [sys.executable, __file__, '--work', args.work, '--threads', str(args.threads), '--repeats',
                       str(args.repeats), '--size', str(args.size), '--torch', what, dtype]
            theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds, work, memory = run_hfprop(args.program, what, args.work, dtype, args.threads, args.repeats)
            best, best_work = min(theirs['seconds'].values()), min(theirs['work'].values())
            error = relative_error(args.work, what, f'hfprop.{dtype}')
            own = relative_error(args.work, what, f'torch.{dtype}') if dtype != 'f32' else 0
            print(f"| {NAMES[what]} | {dtype} | {error:.1e} | {f'{own:.1e}' if own else '-'} | {seconds:.3f} | {best:.3f} "
                  f"| {seconds / best:.2f} | {work:.2f} | {best_work:.2f} | {work / best_work:.2f} | {memory} | {theirs['memory']} |", flush=True)


if __name__ == '__main__':
    main()
