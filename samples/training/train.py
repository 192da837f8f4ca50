"""Train the network of model `tiny`; README.md beside this file says how and on what.

    train.py --photos DIR --cuts DIR --out FOLDER [--minutes 60 | --steps N] [--without NAME] [--resume]
             [--videos DIR --video-share 0.25] [--start WEIGHTS]

Writes FOLDER/last.pt every few minutes (all that --resume needs) and FOLDER/log.csv.
"""
import argparse
import glob
import math
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from network import Tiny
from scenes import Pictures, Scene
from videos import UNSURE, Videos

# What --without leaves out; README.md has what each is worth.
WITHOUT = ("bend",         # the smooth deformation of every layer
           "perspective",
           "objects",      # objects over the background, so nothing is covered either
           "elsewhere",    # objects before another background in the second view
           "light",        # contrast, brightness, colour, gamma
           "damage",       # blur, noise, codec
           "levels",       # the mixture of levels: that of stride 8 alone is left
           "strangers",    # negatives from other pictures
           "neighbours")   # negatives from the same picture


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--photos", required=True)
    p.add_argument("--cuts", default="")
    p.add_argument("--videos", default="", help="folder of clips; pairs of their frames are part of every batch")
    p.add_argument("--video-share", type=float, default=0.25, help="of the pairs, with --videos")
    p.add_argument("--start", default="", help="weights to begin with: a last.pt (its averaged weights) or what export.py wrote")
    p.add_argument("--out", required=True)
    p.add_argument("--minutes", type=float, default=60, help="of this and all runs resumed")
    p.add_argument("--steps", type=int, default=0, help="end after so many, whatever time they take, in place of --minutes")
    p.add_argument("--without", action="append", default=[], choices=WITHOUT, help="leave out an ingredient (may be repeated)")
    p.add_argument("--features", type=int, default=64)
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--pairs", type=int, default=8)
    p.add_argument("--rate", type=float, default=1.5e-3)
    p.add_argument("--temperature", type=float, default=0.07)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--resume", action="store_true")
    return p.parse_args()


def files(folder, endings):
    return sorted(f for f in glob.glob(folder + "/**/*", recursive=True) if f.lower().endswith(endings)) if folder else []


class Pairs(torch.utils.data.IterableDataset):
    def __init__(self, pictures, videos, share, size, seed, without):
        self.pictures, self.videos, self.share = pictures, videos, share
        self.size, self.seed, self.without = size, seed, frozenset(without)

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        seed = self.seed * 1000 + (info.id if info else 0)
        random.seed(seed)
        np.random.seed(seed)
        while True:
            if self.videos and random.random() < self.share:
                yield self.videos.pair(self.size, without=self.without)
                continue
            scene = Scene(self.pictures, self.size, strength=random.choice((0.3, 0.6, 1.0, 1.0)), without=self.without)
            moved = scene.objects and "elsewhere" not in self.without and random.random() < 0.12
            other = scene.elsewhere(self.pictures) if moved else scene
            yield scene.view(), other.view()


def info_nce(fa, fb, at_a, of_a, at_b, of_b, temperature, without=(), cell=8.0):
    """Cells of a against all cells of b and of the other pictures' b. Positive: the nearest cell of the same layer,
    where it is nearer than 0.6 cells and both are sure; other cells nearer than 1.5 do not count."""
    n = fa.shape[0]
    sure_a, sure_b, of_a, of_b = of_a < UNSURE, of_b < UNSURE, of_a % UNSURE, of_b % UNSURE
    total, hits, counted = 0 * fa.sum(), 0.0, 0  # a batch with nothing to match has a loss of 0
    for i in range(n):
        d = torch.cdist(at_a[i], at_b[i]) + 1e6 * (of_a[i][:, None] != of_b[i][None])
        nearest, index = d.min(1)
        ok = ((nearest < 0.6 * cell) & sure_a[i] & sure_b[i][index]).nonzero()[:, 0]
        if len(ok) < 16:
            continue
        d, index = d[ok], index[ok]
        own = fa[i][ok] @ fb[i].T / temperature
        near = d < 1.5 * cell
        near.scatter_(1, index[:, None], False)
        own = own.masked_fill(near, -1e4)
        hits += (own.argmax(1) == index).float().mean().item()
        if "neighbours" in without:
            own = torch.full_like(own, -1e4).scatter(1, index[:, None], own.gather(1, index[:, None]))
        if "strangers" not in without:
            own = torch.cat([own, fa[i][ok] @ fb[(i + 1) % n].T / temperature], 1)
        total = total + F.cross_entropy(own, index)
        counted += 1
    return total / max(counted, 1), hits / max(counted, 1)


def starting(path):
    return load_file(path) if path.endswith(".safetensors") else torch.load(path, map_location="cpu")["average"]


def main():
    o = arguments()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    os.makedirs(o.out, exist_ok=True)
    pictures = Pictures(files(o.photos, (".jpg", ".jpeg", ".png")), files(o.cuts, (".png",)))
    videos = Videos(o.videos) if o.videos else None
    net = Tiny(o.features)
    if o.start:
        net.load_state_dict(starting(o.start))
    net = net.to(o.device, memory_format=torch.channels_last)
    if "levels" in o.without:
        with torch.no_grad():  # e^-100 is 0 in f32: the other levels neither count nor learn
            net.mixing.copy_(torch.tensor((-100.0, 0.0, -100.0, -100.0)))
    optimizer = torch.optim.AdamW(net.parameters(), o.rate, weight_decay=0.02)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    step, spent = 0, 0.0
    last = o.out + "/last.pt"
    if o.resume and os.path.exists(last):
        state = torch.load(last, map_location=o.device)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, spent = state["average"], state["step"], state["spent"]
    print(f"{len(pictures.photos)} photographs, {len(pictures.cuts)} cut-outs, {videos.clips if videos else 0} clips, "
          f"{sum(p.numel() for p in net.parameters())} parameters, from step {step}"
          + "".join(f", without {name}" for name in o.without), flush=True)
    loader = iter(torch.utils.data.DataLoader(Pairs(pictures, videos, o.video_share, o.size, o.seed + step, o.without),
                                              batch_size=o.pairs, num_workers=o.workers, prefetch_factor=4 if o.workers else None))
    log = open(o.out + "/log.csv", "a")
    begin, saved, sums = time.time(), time.time(), [0.0, 0.0, 0]
    while True:
        now = spent + time.time() - begin
        done = step / o.steps if o.steps else now / (60 * o.minutes)
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = o.rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        (a, of_a, at_a), (b, of_b, at_b) = next(loader)
        x = torch.cat([a, b]).to(o.device).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(o.device, dtype=torch.bfloat16, enabled=o.bf16):
            f = net(x)
        f = f.float().flatten(2).transpose(1, 2)
        fa, fb = f[:o.pairs], f[o.pairs:]
        flat = [t.to(o.device).flatten(1, 2) for t in (at_a, of_a, at_b, of_b)]
        loss, hits = info_nce(fa, fb, *flat, o.temperature, o.without)
        back, _ = info_nce(fb, fa, flat[2], flat[3], flat[0], flat[1], o.temperature, o.without)
        loss = (loss + back) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(0.999, step / (step + 10))
        for k, v in net.state_dict().items():
            average[k].mul_(keep).add_(v, alpha=1 - keep)
        sums = [sums[0] + loss.item(), sums[1] + hits, sums[2] + 1]
        if step % 50 == 0:
            line = f"{step},{now:.0f},{sums[0] / sums[2]:.4f},{sums[1] / sums[2]:.4f}," + \
                   " ".join(f"{w:.3f}" for w in torch.softmax(net.mixing, 0).tolist())
            print(line, flush=True)
            log.write(line + "\n")
            log.flush()
            sums = [0.0, 0.0, 0]
        if time.time() - saved > 120:
            save(last, net, optimizer, average, step, now)
            saved = time.time()
    save(last, net, optimizer, average, step, spent + time.time() - begin)


def save(path, net, optimizer, average, step, spent):
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step,
                "spent": spent, "features": net.project[0].out_channels}, path + ".part")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
