"""Pairs of views of real videos: frames t and t + d of one clip, d from 1 to 12 either way, with the matches that dense
optical flow finds: DIS from frame to frame at half size, chained, and refined once between the two ends at full size. A match counts where the flow
there and the flow back agree. Views are what scenes.py's are: picture, layer of each cell, place of each cell.
"""
import os
import random

import cv2
import numpy as np

from scenes import photometric, uniform

UNSURE = 1000     # added to the layer of a cell whose match is not known: no positive, and no negative near its place
FARTHEST = 12     # frames between the two views
SHORTER = 320     # side of the frames as they are kept, pixels
LONGEST = 400     # frames of a clip that are kept
ENDINGS = (".mp4", ".mkv", ".webm", ".mov", ".avi")


def read(path):
    """The first frames of a clip: (as JPEG, which takes a tenth of the memory; gray at half size) of each."""
    capture, frames = cv2.VideoCapture(path), []
    while len(frames) < LONGEST:
        ok, frame = capture.read()
        if not ok:
            break
        k = SHORTER / min(frame.shape[:2])
        frame = cv2.resize(frame, None, fx=k, fy=k, interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR)
        gray = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        frames.append((cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], gray))
    return frames


def look(picture, grid, border=cv2.BORDER_REFLECT_101):
    """picture at the places grid [h,w,2], in pixels."""
    return cv2.remap(picture, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=border)


def places(h, w):
    return np.stack(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)), -1)


class Flow:
    """Dense flow over several frames."""

    def __init__(self):
        self.step = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self.last = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def over(self, halves, first, last):
        """Where each pixel of `first` is in `last`, as a displacement [h,w,2]; halves: they and all between at half size."""
        base = places(*halves[0].shape)
        flow = np.zeros_like(base)
        for a, b in zip(halves, halves[1:]):
            flow = flow + look(self.step.calc(a, b, None), base + flow)
        return self.last.calc(first, last, 2 * cv2.resize(flow, first.shape[::-1], interpolation=cv2.INTER_LINEAR))


def square(v):
    """Squared lengths of vectors [h,w,2]."""
    return v[..., 0] ** 2 + v[..., 1] ** 2


def agree(there, back):
    """Where the way there and back again ends near its start, u8 [h,w] of 0 and 1."""
    arrived = look(back, places(*there.shape[:2]) + there, cv2.BORDER_CONSTANT)
    h, w = there.shape[:2]
    end = places(h, w) + there
    inside = (end[..., 0] >= 0) & (end[..., 0] < w) & (end[..., 1] >= 0) & (end[..., 1] < h)
    return (inside & (square(there + arrived) < 0.5 + 0.01 * (square(there) + square(arrived)))).astype(np.uint8)


class Videos:
    """The clips below a folder. Clips of one subfolder count together as much as one clip of the folder itself."""

    def __init__(self, folder):
        groups = {}
        for path in sorted(os.path.join(d, f) for d, _, names in os.walk(folder) for f in names):
            if path.lower().endswith(ENDINGS):
                clip = read(path)
                own = os.path.dirname(os.path.relpath(path, folder)) or path
                if len(clip) > 1:
                    groups.setdefault(own, []).append(clip)
        self.groups = list(groups.values())
        self.clips = sum(map(len, self.groups))
        if not self.clips:
            raise SystemExit(f"--videos {folder}: no clip of two frames or more ({', '.join(ENDINGS)})")
        self.flow = Flow()

    def frames(self):
        """Two to 13 frames in a row, either way round, as read() keeps them."""
        clip = random.choice(random.choice(self.groups))
        n = random.randint(1, min(FARTHEST, len(clip) - 1))
        t = random.randrange(len(clip) - n)
        some = clip[t:t + n + 1]
        return some[::-1] if random.random() < 0.5 else some

    def pair(self, size, cell=8, without=()):
        """Two views as Scene.view() gives them."""
        for _ in range(100):
            some = self.frames()
            ends = [cv2.imdecode(f[0], cv2.IMREAD_COLOR) for f in (some[0], some[-1])]
            a, b = [cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in ends]
            halves = [f[1] for f in some]
            there, back = self.flow.over(halves, a, b), self.flow.over(halves[::-1], b, a)
            sure = agree(there, back)
            found = crop(there, sure)
            if found:
                centre, side, moved = found
                first = End(ends[0], there, sure, centre, None)
                return views(first, End(ends[1], back, agree(back, there), centre + moved, back), side, size, cell, without)
        raise SystemExit("--videos: of 100 pairs of frames none has motion that can be followed")


class End:
    """One of the two frames, of which a view is made. `home` is the flow to the first frame, None in that one itself."""

    def __init__(self, frame, flow, sure, centre, home):
        self.frame, self.sure, self.centre, self.home = frame, sure, centre, home
        self.motion = own_motion(flow, sure)

    def view(self, grid, cell, unit, damage):
        picture = cv2.cvtColor(look(self.frame, grid), cv2.COLOR_BGR2RGB)
        if damage is not None:
            picture = photometric(picture.astype(np.float32) / 255, damage)
        place = grid if self.home is None else grid + look(self.home, grid)
        known = middle(look(self.sure.astype(np.float32), grid, cv2.BORDER_CONSTANT), cell) > 0.99
        known &= ~still(middle(look(self.motion, grid), cell), known)
        return picture, np.where(known, 0, UNSURE), middle(place, cell) * np.float32(unit)


def views(first, last, side, size, cell, without):
    flip = random.random() < 0.5
    damage = without if random.random() < 0.8 else None  # the others as the camera and its codec left them
    strength = random.choice((0.3, 0.6, 1.0))
    unit = size / side  # places are in pixels of the first view
    return tuple(end.view(window(size, side, end.centre, flip, strength), cell, unit, damage) for end in (first, last))


def own_motion(flow, sure):
    """Pixels that each place moves beside what the whole frame does [h,w]."""
    return np.sqrt(square(flow - np.median(flow[sure > 0], 0)))


def still(motion, known):
    """Cells that stand still and are left out, so that they are no more than those that move (and 40 at least)."""
    rest = known & (motion < 1)
    share = max(40, (known & ~rest).sum()) / max(1, rest.sum())
    return rest & (np.random.rand(*rest.shape) > share)


def crop(flow, sure):
    """A square of the first frame with motion of its own in it: (centre, side, how far it moves), or None. Motion that the
    whole frame has is the camera's and counts for nothing here; what stands still would swamp all else."""
    h, w = sure.shape
    if sure.mean() < 0.4:
        return None  # a cut, or too quick
    own = own_motion(flow, sure) * sure
    best = None
    for _ in range(12):
        side = random.randint(int(0.5 * h), min(h, w))
        y, x = random.randint(0, h - side), random.randint(0, w - side)
        box = slice(y, y + side), slice(x, x + side)
        motion = own[box].mean()
        if sure[box].mean() > 0.4 and (best is None or motion > best[0]):
            best = motion, np.float32((x + side / 2, y + side / 2)), side, np.median(flow[box][sure[box] > 0], 0)
    if best is None or (best[0] < 0.5 and random.random() < 0.8):
        return None
    return best[1:]


def window(size, side, centre, flip, strength):
    """Where the pixels of a view look: a square of about `side` pixels, turned, scaled and moved a little. f32 [S,S,2]"""
    turn, scale = uniform(-0.5, 0.5) * strength, side / size * np.exp(uniform(-0.4, 0.4) * strength)
    axis = (np.arange(size, dtype=np.float32) + 0.5 - size / 2) * np.float32(scale)
    x, y = np.meshgrid(-axis if flip else axis, axis)
    c, s = np.cos(turn), np.sin(turn)
    shift = [uniform(-0.15, 0.15) * side for _ in range(2)]
    return np.stack([c * x - s * y + centre[0] + shift[0], s * x + c * y + centre[1] + shift[1]], -1).astype(np.float32)


def middle(picture, cell):
    """The mean of the four pixels in the middle of each cell."""
    n, half = picture.shape[0] // cell, cell // 2
    blocks = picture.reshape(n, cell, n, cell, -1)[:, half - 1:half + 1, :, half - 1:half + 1]
    return blocks.mean((1, 3)).squeeze(-1) if picture.ndim == 2 else blocks.mean((1, 3))
