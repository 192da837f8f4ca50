#!/usr/bin/env python3
"""make_pck.py - predictions and PCK of fixed features on the shared pairs, by numpy and the published formula.

    tests/golden/make_pck.py --data ../shared/data/pairs/spair -o tests/golden/pck

Writes pck_features.npy [12,16,16,8] (one map an image, in the order in which the pairs first name them) and
pck.txt: what features on those maps must give. The features are sines of the place in the object's box with noise, so that
some key points are carried right and some are not.

The formula (Diffusion Hyperfeatures, archs/correspondence_utils.py, written anew): key points scaled to the evaluation
size, rounded (halves to even) and clamped; both maps upsampled bilinearly (align_corners = false) to that size and
normalised; argmax of the cosine; the match scaled back to the target image; right if its distance to the true place
is at most alpha * max(side of the target image, or of the target box).

Needs: numpy, Pillow (for the sizes of the images). Made with numpy 2.4.6, Pillow 13.0.0, Python 3.11.
"""
import argparse
import json
import numpy as np
from PIL import Image

ALPHAS = (0.15, 0.1, 0.05)
GRID, DEPTH = 16, 8


def make_features(annotations, sizes):
    """Maps that know where in the object's box a cell lies, roughly."""
    rng = np.random.default_rng(20240607)
    maps = {}
    for a in annotations:
        for name, box in ((a["source_path"], a["source_bounding_box"]), (a["target_path"], a["target_bounding_box"])):
            if name in maps:
                continue
            width, height = sizes[name]
            x = (np.arange(GRID) + 0.5) * width / GRID
            y = (np.arange(GRID) + 0.5) * height / GRID
            u = (x[None, :] - box[0]) / (box[2] - box[0]) + 0 * y[:, None]
            v = (y[:, None] - box[1]) / (box[3] - box[1]) + 0 * x[None, :]
            planes = [np.sin(2 * u), np.cos(2 * u), np.sin(2 * v), np.cos(2 * v),
                      np.sin(4 * u), np.cos(4 * u), np.sin(4 * v), np.cos(4 * v)]
            maps[name] = (np.stack(planes, -1) + 0.25 * rng.standard_normal((GRID, GRID, DEPTH))).astype(np.float32)
    return maps


def upsample(features, width, height):
    """Bilinear, align_corners = false, borders clamped; then every vector to length 1. In double."""
    def taps(n, size):
        c = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
        low = np.floor(c).astype(int)
        return low, np.minimum(low + 1, n - 1), c - low
    f = features.astype(np.float64)
    y0, y1, fy = taps(f.shape[0], height)
    x0, x1, fx = taps(f.shape[1], width)
    rows = f[y0] * (1 - fy)[:, None, None] + f[y1] * fy[:, None, None]
    full = rows[:, x0] * (1 - fx)[None, :, None] + rows[:, x1] * fx[None, :, None]
    return full / np.linalg.norm(full, axis=-1, keepdims=True)


def predict(source, target, points, source_size, target_size, evaluation):
    size_a = evaluation or source_size
    size_b = evaluation or target_size
    scaled = np.asarray(points, float) * np.array(size_a) / np.array(source_size)
    scaled = np.round(np.clip(scaled, 0, np.array(size_a) - 1)).astype(int)
    vectors = upsample(source, *size_a)[scaled[:, 1], scaled[:, 0]]
    full = upsample(target, *size_b)
    best = (vectors @ full.reshape(-1, DEPTH).T).argmax(-1)
    found = np.stack([best % size_b[0], best // size_b[0]], -1)
    return found * np.array(target_size) / np.array(size_b)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", required=True, help="OUT_features.npy and OUT.txt are written")
    args = parser.parse_args()

    annotations = json.load(open(f"{args.data}/annotations/spair_71k_test-6.json"))
    sizes = {}
    for a in annotations:
        for name in (a["source_path"], a["target_path"]):
            if name not in sizes:
                sizes[name] = Image.open(f"{args.data}/assets/spair/images/{name}").size
    maps = make_features(annotations, sizes)
    np.save(f"{args.out}_features.npy", np.stack(list(maps.values())))

    with open(f"{args.out}.txt", "w") as out:
        out.write("# make_pck.py: image NAME WIDTH HEIGHT | eval SIZE (0: own) | point PAIR X Y | "
                  "pck BASE ALPHA HITS POINTS PER_POINT PER_IMAGE\n")
        for name in maps:
            out.write(f"image {name} {sizes[name][0]} {sizes[name][1]}\n")
        for evaluation in (0, 224):
            out.write(f"eval {evaluation}\n")
            hits = {(base, alpha): [] for base in ("image", "box") for alpha in ALPHAS}
            for i, a in enumerate(annotations):
                s, t = a["source_path"], a["target_path"]
                found = predict(maps[s], maps[t], a["source_points"], sizes[s], sizes[t],
                                (evaluation, evaluation) if evaluation else None)
                for x, y in found:
                    out.write(f"point {i} {x:.17g} {y:.17g}\n")
                distances = np.linalg.norm(found - np.array(a["target_points"]), axis=-1)
                left, top, right, bottom = a["target_bounding_box"]
                side = {"image": max(sizes[t]), "box": max(right - left, bottom - top)}
                for (base, alpha), listed in hits.items():
                    listed.append(distances <= alpha * side[base])
            for (base, alpha), listed in hits.items():
                together = np.concatenate(listed)
                out.write(f"pck {base} {alpha} {together.sum()} {len(together)} {together.mean():.17g} "
                          f"{np.mean([h.mean() for h in listed]):.17g}\n")


if __name__ == "__main__":
    main()
