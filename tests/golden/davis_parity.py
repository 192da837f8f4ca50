#!/usr/bin/env python3
"""Compare our DAVIS scores with the official package, and make davis_scores.txt.

The masks that are scored are the true masks, damaged on purpose by rules made of integers
(damage() below), so that tests/test_davis_scores.c can damage them in the same way without
any file of ours holding a mask.

    git clone https://github.com/davisvideochallenge/davis2017-evaluation OFFICIAL
    davis_parity.py --official OFFICIAL --data DAVIS --work DIR -o davis_scores.txt
    davis_parity.py --official OFFICIAL --data DAVIS --work DIR --check 'build/hfprop eval'

The package is a measuring stick: it is run, nothing of it is kept here. Needs its own
requirements (numpy, OpenCV, scikit-image, scipy, pandas, Pillow, tqdm). --check runs our program on the
same folders, compares every figure to 1e-9 and the CSV files byte for byte, and times both.
"""
import argparse
import contextlib
import glob
import io
import json
import os
import resource
import shlex
import subprocess
import sys
import time

import numpy as np
from PIL import Image

SEQUENCES = ["bmx-bumps", "bmx-trees", "boat", "breakdance-flare", "dance-jump", "dog-agility", "drift-turn",
             "horsejump-low", "motorbike", "rollerblade", "scooter-gray", "surf", "tennis"]
RESULTS = ["exact", "shifted", "empty", "missing", "late", "extra", "noise"]  # scored on the plain annotations
VOID_RESULTS = ["shifted", "noise"]                                          # on annotations with void pixels
FIELDS = ["J-Mean", "J-Recall", "J-Decay", "F-Mean", "F-Recall", "F-Decay"]
REFUSED = "wrong-id"  # an id above those of the first annotation: the package stops


def damage(kind, ids, frame, n_frames, n_objects):
    """The rules. ids: [H,W] u8; frame: 0..n_frames-1. tests/test_davis_scores.c has the same."""
    h, w = ids.shape
    y, x = np.mgrid[0:h, 0:w]
    out = ids.copy()
    if kind == "shifted":
        out = np.roll(ids, (3, -5), axis=(0, 1))
    elif kind == "empty":
        out[:] = 0
    elif kind == "missing":
        out[ids == n_objects] = 0
    elif kind == "late" and 2 * frame >= n_frames:
        out[:] = 0
    elif kind == "extra":
        out[h // 8:h // 3, w // 5:w // 2] = n_objects
    elif kind == "noise":
        out[(7919 * x + 104729 * y + 1299709 * frame) % 997 == 0] = 1
        out[(x + 2 * y + frame) % 61 == 0] = 0
    elif kind == REFUSED:
        out[:2, :2] = n_objects + 1
    return out


def add_void(ids):
    """Blocks of the objects become void."""
    h, w = ids.shape
    y, x = np.mgrid[0:h, 0:w]
    out = ids.copy()
    out[(ids != 0) & ((x // 16 + y // 16) % 5 == 0)] = 255
    return out


def save(path, ids):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image = Image.fromarray(ids, "P")
    image.putpalette([128 * (i >> b & 1) for i in range(256) for b in range(3)])
    image.save(path, compress_level=1)


def make_folders(data, work):
    """A DAVIS 2017 tree (gray 0/255 becomes ids 0/1), the same with void pixels, and the results."""
    for tree in ("plain", "void"):
        root = os.path.join(work, tree)
        os.makedirs(os.path.join(root, "ImageSets/2017"), exist_ok=True)
        with open(os.path.join(root, "ImageSets/2017/val.txt"), "w") as f:
            f.write("\n".join(SEQUENCES) + "\n")
        if not os.path.exists(os.path.join(root, "JPEGImages")):
            os.symlink(os.path.join(os.path.abspath(data), "JPEGImages"), os.path.join(root, "JPEGImages"))
    for name in SEQUENCES:
        files = sorted(glob.glob(os.path.join(data, "Annotations/480p", name, "*.png")))
        n_objects = 0
        for t, path in enumerate(files):
            ids = np.array(Image.open(path))
            ids[ids == 255] = 1
            n_objects = n_objects or int(ids.max())
            end = os.path.join(name, os.path.basename(path))
            save(os.path.join(work, "plain/Annotations/480p", end), ids)
            save(os.path.join(work, "void/Annotations/480p", end), add_void(ids))
            for kind in RESULTS + [REFUSED]:
                save(os.path.join(work, kind, end), damage(kind, ids, t, len(files), n_objects))


class Clock:
    """Seconds by the wall and of the processors, which another load on the machine changes less."""

    def __init__(self, who):
        self.who, self.start = who, self.now(who)

    @staticmethod
    def now(who):
        used = resource.getrusage(who)
        return time.time(), used.ru_utime + used.ru_stime

    def read(self):
        return [b - a for a, b in zip(self.start, self.now(self.who))]


def official_scores(tree, results):
    """{(sequence, id): six figures}, and the seconds it took; None if the package stops."""
    from davis2017.evaluation import DAVISEvaluation
    clock = Clock(resource.RUSAGE_SELF)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            m = DAVISEvaluation(davis_root=tree, task="semi-supervised", gt_set="val").evaluate(results)
    except SystemExit:
        return None, None
    rows = {}
    for i, name in enumerate(m["J"]["M_per_object"]):
        rows[tuple(name.rsplit("_", 1))] = [float(m[k][s][i]) for k in "JF" for s in "MRD"]
    return rows, clock.read()


def official_without_void(tree, results):
    """As above, with the package's own functions given the void pixels, as its other task does."""
    from davis2017.davis import DAVIS
    from davis2017.metrics import db_eval_boundary, db_eval_iou
    from davis2017.results import Results
    from davis2017.utils import db_statistics
    data, rows = DAVIS(root=tree, task="semi-supervised", subset="val"), {}
    for name in data.get_sequences():
        truth, void, stems = data.get_all_masks(name, True)
        truth, void, stems = truth[:, 1:-1], void[1:-1], stems[1:-1]
        found = Results(results).read_masks(name, stems)
        for k in range(truth.shape[0]):
            mask = found[k] if k < found.shape[0] else np.zeros_like(truth[k])
            rows[name, str(k + 1)] = [float(v) for metric in (db_eval_iou, db_eval_boundary)
                                      for v in db_statistics(metric(truth[k], mask, void))]
    return rows, None


def official_csv(rows):
    """The two files as evaluation_method.py writes them."""
    import pandas as pd
    columns = list(zip(*rows.values()))
    means = [np.mean(c) for c in columns]
    head = ["J&F-Mean"] + FIELDS
    total = pd.DataFrame([[(means[0] + means[3]) / 2.0] + means], columns=head)
    names = [f"{s}_{k}" for s, k in rows]
    each = pd.DataFrame(list(zip(names, columns[0], columns[3])), columns=["Sequence", "J-Mean", "F-Mean"])
    return [t.to_csv(index=False, float_format="%.3f") for t in (total, each)]


def our_scores(command, tree, results, csv, *options):
    clock = Clock(resource.RUSAGE_CHILDREN)
    run = subprocess.run(shlex.split(command) + [results, "--davis", tree, "--json", "-o", csv, *options],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = clock.read()
    if run.returncode != 0:
        return None, run.stderr.strip(), seconds
    report = json.loads(run.stdout)
    rows = {(r["sequence"], str(r["object"])): [r[k][s] for k in "JF" for s in ("mean", "recall", "decay")]
            for r in report["rows"]}
    return rows, report["global"], seconds


def compare(label, args, tree, kind, official, seconds):
    csv = os.path.join(args.work, "csv")
    extra = ["--void", "exclude"] if label.startswith("exclude") else []
    ours, total, our_seconds = our_scores(args.check, tree, os.path.join(args.work, kind), csv, *extra)
    if official is None or ours is None:
        print(f"{label:16} official {'stops' if official is None else 'scores'}, ours: {total}")
        return official is None and ours is None
    off = max(abs(a - b) for k in official for a, b in zip(official[k], ours[k]))
    means = [np.mean(c) for c in zip(*official.values())]
    mine = [total[k][s] for k in "JF" for s in ("mean", "recall", "decay")] + [total["jf_mean"]]
    off = max(off, max(abs(a - b) for a, b in zip(means + [(means[0] + means[3]) / 2], mine)))
    files = [open(os.path.join(csv, f"{p}-val.csv")).read() for p in ("global_results", "per-sequence_results")]
    same = files == official_csv(official) and official.keys() == ours.keys()
    ratio = "".join(f", {a:.1f} / {b:.2f} s {what} = {a / b:.0f} x"
                    for a, b, what in zip(seconds or [], our_seconds, ("wall", "processor")))
    print(f"{label:16} largest difference {off:.1e}, CSV {'equal' if same else 'DIFFERENT'}{ratio}", flush=True)
    return off <= 1e-9 and same


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--official", required=True, help="checkout of davis2017-evaluation")
    p.add_argument("--data", required=True, help="DAVIS tree with the 13 sequences")
    p.add_argument("--work", required=True, help="folder for the damaged masks")
    p.add_argument("--check", help="our command, e.g. 'build/hfprop eval'")
    p.add_argument("-o", "--output", help="write the table of check values")
    p.add_argument("--only", help="one kind of damage, to time it: exact, shifted, void-noise, ...")
    args = p.parse_args()
    if args.only and args.output:
        p.error("--only would leave an incomplete table")
    sys.path.insert(0, args.official)
    if not os.path.exists(os.path.join(args.work, REFUSED, SEQUENCES[-1])):
        make_folders(args.data, args.work)

    runs = [(k, "plain", k, official_scores) for k in RESULTS + [REFUSED]]
    runs += [("void-" + k, "void", k, official_scores) for k in VOID_RESULTS]
    runs += [("exclude-" + k, "void", k, official_without_void) for k in VOID_RESULTS]
    lines, good = [], True
    for label, tree, kind, score in runs:
        if args.only and args.only != label:
            continue
        tree = os.path.join(args.work, tree)
        rows, seconds = score(tree, os.path.join(args.work, kind))
        if rows is not None:
            lines += [" ".join([label, *key] + [repr(v) for v in values]) for key, values in rows.items()]
        if args.check:
            good = compare(label, args, tree, kind, rows, seconds) and good
    if args.output:
        with open(args.output, "w") as f:
            f.write("# Made by davis_parity.py with the official package; do not edit.\n")
            f.write("# damage sequence object " + " ".join(FIELDS) + "\n" + "\n".join(lines) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
