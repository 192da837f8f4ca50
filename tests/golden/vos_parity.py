#!/usr/bin/env python3
"""Compare `hfprop eval --objects seen` with vos-benchmark, on the masks that davis_parity.py left in its work folder.

    git clone https://github.com/hkchengrex/vos-benchmark VOS
    vos_parity.py --vos VOS --work DIR --check 'build/hfprop eval'

Prints the largest difference of a mean J or F; fails above 1e-9 or if the objects differ. Nothing of the
package is kept here.
"""
import argparse
import glob
import json
import os
import shlex
import subprocess
import sys

import numpy as np
from PIL import Image

from davis_parity import save

LATE = ["bmx-trees", "boat"]


def make_late(work):
    """Objects that turn up late in the truth, earlier in the result, in one of them only, or with odd ids."""
    for name in LATE:
        files = sorted(glob.glob(os.path.join(work, "plain/Annotations/480p", name, "*.png")))
        for t, path in enumerate(files):
            truth = np.array(Image.open(path))
            result = np.roll(truth, (2, 3), axis=(0, 1))
            truth[(truth == 2) & (t < 30)] = 0
            result[(result == 2) & (t < 20)] = 0
            if t > 40:
                result[:4, :4] = 77
            if t > 50:
                truth[-4:, -4:] = 9
            end = os.path.join(name, os.path.basename(path))
            save(os.path.join(work, "late-truth", end), truth)
            save(os.path.join(work, "late-result", end), result)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--vos", required=True, help="checkout of vos-benchmark")
    p.add_argument("--work", required=True, help="folder that davis_parity.py has filled")
    p.add_argument("--check", required=True, help="our command, e.g. 'build/hfprop eval'")
    args = p.parse_args()
    sys.path.insert(0, args.vos)
    from vos_benchmark.benchmark import benchmark

    make_late(args.work)
    pairs = [("late-truth", "late-result"), ("void/Annotations/480p", "shifted"),
             ("plain/Annotations/480p", "wrong-id")]
    good = True
    for truth, result in pairs:
        for keep in (False, True):
            folders = [os.path.join(args.work, d) for d in (truth, result)]
            metrics = benchmark([folders[0]], [folders[1]], True, 2, verbose=False, skip_first_and_last=not keep)[3]
            theirs = {(name, int(k)): (j[k] / 100, f[k] / 100) for name, (j, f) in metrics[0].items() for k in j}
            command = shlex.split(args.check) + [folders[1], "--davis", folders[0], "--objects", "seen", "--json"]
            report = json.loads(subprocess.check_output(command + ["--keep-first-last"] * keep))
            ours = {(r["sequence"], r["object"]): (r["J"]["mean"], r["F"]["mean"]) for r in report["rows"]}
            same = ours.keys() == theirs.keys()
            off = max(abs(a - b) for k in ours.keys() & theirs.keys() for a, b in zip(ours[k], theirs[k]))
            print(f"{truth:24} {result:12} {'all frames' if keep else 'inner frames':12} {len(ours)} objects"
                  f"{'' if same else ' DIFFERENT'}, largest difference {off:.1e}", flush=True)
            good = good and same and off <= 1e-9
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
