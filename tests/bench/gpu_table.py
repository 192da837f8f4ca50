#!/usr/bin/env python3
"""Joins the rows of tests/gpu.sh into one table: gpu_table.py FOLDER, with ours.txt, eager.txt, compiled.txt, card.txt."""
import os
import re
import sys

ROW = re.compile(r"^(\S+)\s+([\d.]+) ms\s+([\d.]+) /s\s+(\d+) MB\s+(\d+) MB$")

# What an H100 is to show. most: ms of a thing (a frame, a pass); least: things a second; eager, compiled: times faster
# than PyTorch; memory: MB of the device.
GOALS = {
    "unet-b8-512x512": dict(least=400),
    "unet-b16-512x512": dict(least=400),
    "vae-b1-512x512": dict(most=3),
    "vae-b8-512x512": dict(most=3),
    "onestep-b1-512x512": dict(memory=6144),
    "onestep-b8-512x512": dict(least=150, eager=2, compiled=1.3),
    "inversion-b1-512x512": dict(memory=8192),
    "inversion-b8-512x512": dict(eager=2, compiled=1.3),
    "match_splat-854x480-d384": dict(most=1, eager=50),
}


def rows(path):
    found = {}
    if os.path.exists(path):
        with open(path, errors="replace") as f:
            for line in f:
                m = ROW.match(line.rstrip())
                if m:
                    found[m[1]] = dict(ms=float(m[2]), rate=float(m[3]), own=int(m[4]), device=int(m[5]))
    return found


def judge(goal, us, eager, compiled):
    """The goals in words, and whether they are met: yes, no, or - where nothing was measured that tells."""
    words, met = [], []
    if "most" in goal:
        words.append(f"<= {goal['most']} ms")
        met.append(1e3 / us["rate"] <= goal["most"])
    if "least" in goal:
        words.append(f">= {goal['least']} /s")
        met.append(us["rate"] >= goal["least"])
    if "memory" in goal:
        words.append(f"<= {goal['memory']} MB")
        met.append(us["device"] <= goal["memory"])
    for name, other in (("eager", eager), ("compiled", compiled)):
        if name in goal:
            words.append(f"{goal[name]} x {name}")
            met.append(None if other is None else other["ms"] / us["ms"] >= goal[name])
    answer = "no" if False in met else "?" if None in met else "yes" if met else "-"
    return ", ".join(words) or "-", answer


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "card.txt")) as f:
        print(f.read().strip())
    ours, eager, compiled = (rows(os.path.join(folder, f"{n}.txt")) for n in ("ours", "eager", "compiled"))
    print("| row | ours ms | /s | MB device | eager ms | MB torch | ratio | compiled ms | ratio | goal | met |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in list(ours) + [n for n in eager if n not in ours] + [n for n in compiled if n not in ours and n not in eager]:
        us, e, c = ours.get(name), eager.get(name), compiled.get(name)
        cell = lambda r, key, form: format(r[key], form) if r else "-"
        ratio = lambda other: f"{other['ms'] / us['ms']:.2f}" if us and other else "-"
        goal, met = judge(GOALS.get(name, {}), us, e, c) if us else ("-", "-")
        print(f"| {name} | {cell(us, 'ms', '.3f')} | {cell(us, 'rate', '.1f')} | {cell(us, 'device', 'd')} | {cell(e, 'ms', '.3f')} "
              f"| {cell(e, 'own', 'd')} | {ratio(e)} | {cell(c, 'ms', '.3f')} | {ratio(c)} | {goal} | {met} |")
    path = os.path.join(folder, "unfinished")
    if os.path.exists(path):
        with open(path) as f:
            print("not finished in its time: " + ", ".join(line.split(":")[0] for line in f))


if __name__ == "__main__":
    main()
