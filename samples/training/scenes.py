"""Pairs of views of made-up scenes: a photograph as background, cut-out objects over it, each layer moved by its own smooth
warp, so that objects cover and uncover each other as they do in videos. The true match of every place is known.

`without` is a set of names of what to leave out, to measure what it is worth (WITHOUT in train.py).
"""
import copy
import math
import random

import cv2
import numpy as np

cv2.setNumThreads(0)  # a worker is one thread


class Pictures:
    """Photographs [H,W,3] and cut-outs [H,W,4], u8, read once."""

    def __init__(self, photos, cuts, shorter=448):
        self.photos = [self.read(f, shorter) for f in photos]
        self.cuts = [self.read(f, None) for f in cuts]

    @staticmethod
    def read(path, shorter):
        im = cv2.imread(path, cv2.IMREAD_COLOR if shorter else cv2.IMREAD_UNCHANGED)
        im = cv2.cvtColor(im, cv2.COLOR_BGR2RGB if shorter else cv2.COLOR_BGRA2RGBA)
        if shorter:
            k = shorter / min(im.shape[:2])
            im = cv2.resize(im, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        return im


def uniform(a, b):
    return a + (b - a) * random.random()


def smooth(knots, size, amount):
    """Smooth noise [S,S,2] from -amount to amount."""
    d = (np.random.rand(knots, knots, 2).astype(np.float32) - 0.5) * 2 * amount
    return cv2.resize(d, (size, size), interpolation=cv2.INTER_CUBIC)


def warp(size, spread, strength, without):
    """Where each pixel looks in its layer, in -1..1 of that layer [S,S,2]: similarity, aspect, perspective, and a smooth
    deformation."""
    turn, aspect = uniform(-0.5, 0.5) * strength, math.exp(uniform(-0.2, 0.2))
    spread *= math.exp(uniform(-0.45, 0.45) * strength)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    c, s = math.cos(turn), math.sin(turn)
    w = np.full_like(x, spread)
    if "perspective" not in without:
        w /= 1 + uniform(-0.15, 0.15) * strength * x + uniform(-0.15, 0.15) * strength * y
    u = (c * aspect * x - s * y) * w + uniform(-0.3, 0.3) * strength
    v = (s * x + c / aspect * y) * w + uniform(-0.3, 0.3) * strength
    bend = 0 if "bend" in without else smooth(random.choice((3, 4, 6)), size, 0.18 * strength * spread)
    return np.stack([u, v], -1) + bend


def sample(picture, grid, border):
    h, w = picture.shape[:2]
    return cv2.remap(picture, (grid[..., 0] + 1) * (w / 2) - 0.5, (grid[..., 1] + 1) * (h / 2) - 0.5, cv2.INTER_LINEAR,
                     borderMode=border)


def mirrored(p):
    return p[:, ::-1] if random.random() < 0.5 else p


def piece(pictures, smallest, largest=1 << 30):
    p = random.choice(pictures.photos)
    side = random.randint(smallest, min(largest, *p.shape[:2]))
    y, x = random.randint(0, p.shape[0] - side), random.randint(0, p.shape[1] - side)
    return mirrored(p[y:y + side, x:x + side])


def blob(size):
    """A smooth random shape, u8."""
    n = random.choice((3, 4, 5))
    t = cv2.resize(np.random.rand(n, n).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    r = np.hypot(axis[:, None], axis[None])
    return (np.clip((t + 0.35 - r) * 16, 0, 1) * 255).astype(np.uint8)


def cutout(pictures):
    """An object [S,S,4]: a cut-out, or a piece of another photograph of a random shape."""
    if not pictures.cuts or random.random() < 0.4:
        q = piece(pictures, 160, 320)
        return np.dstack([q, blob(q.shape[0])])
    p = mirrored(random.choice(pictures.cuts))
    side = max(p.shape[:2])
    square = np.zeros((side, side, 4), np.uint8)
    y, x = (side - p.shape[0]) // 2, (side - p.shape[1]) // 2
    square[y:y + p.shape[0], x:x + p.shape[1]] = p
    return square


def lit(x):
    """Another light and another camera: contrast, brightness, colour, now and then gamma. [S,S,3], 0..1."""
    mean = x.mean((0, 1))
    x = ((x - mean) * uniform(0.7, 1.3) + mean) * uniform(0.7, 1.3)
    x = x * (1 + (np.random.rand(3).astype(np.float32) - 0.5) * 0.24)
    return np.maximum(x, 0) ** uniform(0.7, 1.4) if random.random() < 0.15 else x


def damaged(x):
    """Blur and noise [S,S,3], 0..1."""
    size = x.shape[0]
    if random.random() < 0.4:  # focus
        x = cv2.blur(x, (3, 3))
    if random.random() < 0.25:  # motion
        n = random.choice((5, 7, 9))
        x = cv2.blur(x, (n, 1) if random.random() < 0.5 else (1, n))
    if random.random() < 0.2:  # a small video made larger
        x = cv2.resize(cv2.resize(x, (size // 2, size // 2), interpolation=cv2.INTER_AREA), (size, size))
    return x + np.random.randn(size, size, 3).astype(np.float32) * (0.03 * random.random())


def photometric(x, without):
    """What cameras and codecs do to a picture [S,S,3], 0..1."""
    if "light" not in without:
        x = lit(x)
    if "damage" not in without:
        x = damaged(x)
    x = np.clip(x * 255, 0, 255).astype(np.uint8)
    if "damage" not in without and random.random() < 0.4:  # a codec
        x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, random.randint(25, 80)])[1], cv2.IMREAD_COLOR)
    return x


class Scene:
    """Draw with view(): picture u8 [S,S,3], layer of each cell [h,w], place in the layer of each cell [h,w,2] in pixels."""

    def __init__(self, pictures, size, cell=8, strength=1.0, without=()):
        self.size, self.cell, self.strength, self.without = size, cell, strength, without
        self.back = piece(pictures, int(1.2 * size))
        self.ground = 0
        count = 0 if "objects" in without else random.choice((0, 1, 1, 2, 2, 3))
        self.objects = [cutout(pictures) for _ in range(count)]
        self.scale = [1 / uniform(0.25, 0.75) for _ in self.objects]
        self.home = [(uniform(-0.6, 0.6), uniform(-0.6, 0.6)) for _ in self.objects]

    def elsewhere(self, pictures):
        """The same objects before another background, which then matches nothing."""
        other = copy.copy(self)
        other.back, other.ground = piece(pictures, int(1.2 * self.size)), -1
        return other

    def view(self):
        s = self.size
        grid = warp(s, 0.6, self.strength, self.without)
        picture = sample(self.back, grid, cv2.BORDER_REFLECT_101).astype(np.float32)
        layer = np.full((s, s), self.ground, np.int64)
        place = grid * (s / 2 / 0.6)
        for i, (p, k, home) in enumerate(zip(self.objects, self.scale, self.home)):
            at = [h + uniform(-0.35, 0.35) * self.strength for h in home]
            grid = warp(s, k, 0.8 * self.strength, self.without) - np.float32(at) * k
            o = sample(p, grid, cv2.BORDER_CONSTANT).astype(np.float32)
            alpha = o[..., 3:] / 255
            picture = picture * (1 - alpha) + o[..., :3] * alpha
            inside = alpha[..., 0] > 0.5
            layer[inside] = i + 1
            place[inside] = (grid * (s / 2 / k))[inside]
        c, half = self.cell, self.cell // 2
        at = place.reshape(s // c, c, s // c, c, 2)[:, half - 1:half + 1, :, half - 1:half + 1].mean((1, 3))
        return photometric(picture / 255, self.without), layer[half::c, half::c], at.astype(np.float32)
