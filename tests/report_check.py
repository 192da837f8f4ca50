#!/usr/bin/env python3
"""Inputs and checks of test_report.sh; the Python standard library only.

report_check.py make DIR            a DAVIS tree DIR/tree and results DIR/results, with hostile names
report_check.py check HTML JSON     every number of the page against the JSON of the same run
report_check.py sorted HTML WORD    the page after its heading was clicked; WORD: score or name
report_check.py requests NETLOG     nothing was asked for beyond the page itself

Each failure is a line; the last line is "N passed, N failed, 0 skipped".
"""
import base64
import json
import os
import re
import struct
import sys
import zlib
from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br", "link", "hr", "line", "circle", "polyline"}
MAGIC = {"data:image/jpeg": b"\xff\xd8\xff", "data:image/png": b"\x89PN"}
N_FRAMES, WIDTH, HEIGHT = 9, 64, 48
SEQUENCES = ["plain", "two-objects", "<b>&amp;\"x'", "caf\u00e9"]

passed = failed = 0


def expect(condition, what):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAIL: " + what)


def equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, want {wanted!r}")


# The tree


def png(path, rows, palette=None):
    """rows of bytes: indexed with a palette, else RGB."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    width = len(rows[0]) if palette else len(rows[0]) // 3
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3 if palette else 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + (chunk(b"PLTE", palette) if palette else b"") +
                   chunk(b"IDAT", body) + chunk(b"IEND", b""))


def mask(objects):
    """objects: (id, x, y, side)"""
    rows = [bytearray(WIDTH) for _ in range(HEIGHT)]
    for value, x, y, side in objects:
        for row in rows[y:y + side]:
            row[x:x + side] = bytes([value]) * side
    return [bytes(row) for row in rows]


def make(folder):
    palette = bytes(range(256)) * 3
    for number, name in enumerate(SEQUENCES):
        for frame in range(N_FRAMES):
            stem = f"{frame:05d}.png"
            truth = [(1, 4 + 3 * frame, 8, 16)]
            found = [(1, 4 + 3 * frame + frame // 2, 8 + number, 16)]
            if number == 1:
                truth.append((2, 40, 28, 12))
                found.append((2, 40, 28 + frame, 12) if frame < 6 else (2, 2, 40, 6))
            png(f"{folder}/tree/Annotations/480p/{name}/{stem}", mask(truth), palette)
            png(f"{folder}/results/{name}/{stem}", mask(found), palette)
            if number != 2:  # one sequence has no pictures
                picture = [bytes((x * 3 + y + 40 * c) % 256 for x in range(WIDTH) for c in range(3)) for y in range(HEIGHT)]
                png(f"{folder}/tree/JPEGImages/480p/{name}/{stem}", picture)
    os.makedirs(f"{folder}/tree/ImageSets/2017")
    with open(f"{folder}/tree/ImageSets/2017/val.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(SEQUENCES) + "\n")
    with open(f"{folder}/results/plain/hfprop.json", "w", encoding="utf-8") as file:
        json.dump({"hfprop": "0.0", "in_use": {"model": "a <model>", "k": 5}}, file)


# The page as a tree


class Node:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, dict(attributes), parent
        self.children = []

    def __getitem__(self, name):
        return self.attributes.get(name)

    def text(self):
        return "".join(c if isinstance(c, str) else c.text() for c in self.children)

    def all(self, tag=None, cls=None, **wanted):
        for child in self.children:
            if isinstance(child, str):
                continue
            if (tag in (None, child.tag) and (cls is None or cls in (child["class"] or "").split()) and
                    all(child[k] == v for k, v in wanted.items())):
                yield child
            yield from child.all(tag, cls, **wanted)

    def one(self, *args, **kwargs):
        found = list(self.all(*args, **kwargs))
        if len(found) != 1:
            raise SystemExit(f"FAIL: {len(found)} elements {args} {kwargs} in <{self.tag}>, want 1")
        return found[0]


class Parser(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.top = self.at = Node("", {}, None)
        self.problems = []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        if len(names) != len(set(names)):
            self.problems.append(f"<{tag}> has an attribute twice")
        node = Node(tag, attributes, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag, attributes):
        self.at.children.append(Node(tag, attributes, self.at))

    def handle_endtag(self, tag):
        if tag in VOID:  # as Chromium writes SVG
            return
        if self.at.tag != tag:
            self.problems.append(f"</{tag}> closes <{self.at.tag}>")
        elif self.at.parent:
            self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)


def read_page(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    parser = Parser()
    parser.feed(text)
    parser.close()
    expect(not parser.problems and parser.at is parser.top, f"{path}: not well-formed: {parser.problems[:3]}")
    return parser.top, text


# What is shown


def look_up(scores, key):
    for part in key.split("."):
        scores = scores[part]
    return scores


def check_cells(cells, scores, what):
    """Cells with data-key: three digits shown, all digits kept."""
    keys = set()
    for cell in cells:
        key = cell["data-key"]
        if key == "frames":
            wanted, shown = len(scores.get("j_frames", "")) or scores["frames"], str
        else:
            wanted, shown = look_up(scores, key), "{:.3f}".format
        keys.add(key)
        equal(float(cell["data-value"]), wanted, f"{what} {key}")
        equal(cell.text().strip(), shown(wanted), f"{what} {key} as shown")
    return keys


ALL_KEYS = {"jf_mean"} | {f"{a}.{b}" for a in "JF" for b in ("mean", "recall", "decay")}


def check_table(page, data):
    summary = dict(data["global"], frames=data["frames"])
    tiles = [d for d in page.one("dl", "tiles").all("dd") if d["data-key"]]
    keys = check_cells(tiles, summary, "tile")
    equal(keys, ALL_KEYS, "tiles")
    table = page.one("table", id="scores")
    rows = list(table.one("tbody").all("tr"))
    equal(len(rows), len(data["rows"]), "rows of the table")
    for row, scores in zip(rows, data["rows"]):
        what = f"row {scores['sequence']} {scores['object']}"
        cells = [c for c in row.all("td") if c["data-key"]]
        equal(check_cells(cells, scores, what), ALL_KEYS | {"frames"}, what)
        equal(row.one("th").text(), scores["sequence"], what)
        equal(next(row.all("td")).text(), str(scores["object"]), what)
    foot = [c for c in table.one("tfoot").all("td") if c["data-key"]]
    equal(check_cells(foot, summary, "foot"), ALL_KEYS | {"frames"}, "foot")
    for heading in table.all("th"):
        expect(heading["scope"], "a table heading without scope")


def check_curves(article, rows):
    for svg, name in zip(article.all("svg"), "JF"):
        equal(svg["data-score"], name, "order of the charts")
        frames = svg["data-frames"].split("/")
        groups = list(svg.all("g"))
        equal(len(groups), len(rows), "lines of a chart")
        expect(svg["aria-label"], "a chart without a label")
        for group, row in zip(groups, rows):
            what = f"curve {name} of {row['sequence']} {row['object']}"
            values = row["j_frames" if name == "J" else "f_frames"]
            equal(int(group["data-object"]), row["object"], what)
            equal(frames[int(group["data-first"])], row["first_frame"], what)
            equal([float(v) for v in group["data-values"].split()], values, what)
            points = [tuple(map(float, p.split(","))) for p in group.one("polyline")["points"].split()]
            equal(len(points), len(values), what)
            scale = [p[1] + 130 * v for p, v in zip(points, values)]  # the place of 0, if the line is drawn right
            expect(max(scale) - min(scale) < 0.02, f"{what}: the line does not follow the values")
            steps = [b[0] - a[0] for a, b in zip(points, points[1:])]
            expect(not steps or max(steps) - min(steps) < 0.21 and min(steps) > 0, f"{what}: uneven steps")
            expect(f"object {row['object']}: mean {row[name]['mean']:.3f}" in svg["aria-label"], f"{what}: label")


def frame_scores(rows, frames, stem):
    at = frames.index(stem)
    return [(row["j_frames"][i], row["f_frames"][i]) for row in rows
            for i in [at - frames.index(row["first_frame"])] if 0 <= i < len(row["j_frames"])]


def check_pictures(article, rows):
    frames = next(article.all("svg"))["data-frames"].split("/")
    thumbs = list(article.all("figure", "thumb"))
    expect(thumbs, "no contact sheet")
    for thumb in thumbs:
        stem = thumb.one("span", "frame").text()
        scores = frame_scores(rows, frames, stem)
        equal(len(list(thumb.all("img"))), 3, "pictures of a thumb")
        for k, cls in enumerate("jf"):
            equal(thumb.one("b", cls).text(), f"{sum(s[k] for s in scores) / len(scores):.3f}", f"{stem}: {cls} of its thumb")
    worst = article.one("div", "failure")
    lowest = min(v for row in rows for v in row["j_frames"])
    row = next(r for r in rows if lowest in r["j_frames"])
    at = row["j_frames"].index(lowest)
    equal(worst.one("span", "frame").text(), frames[frames.index(row["first_frame"]) + at], "worst frame")
    equal(worst.one("span", "id").text(), str(row["object"]), "worst object")
    equal(worst.one("b", "j").text(), f"{lowest:.3f}", "worst J")
    equal(worst.one("b", "f").text(), f"{row['f_frames'][at]:.3f}", "worst F")
    equal(len(list(worst.all("img"))), 4, "pictures of the worst frame")


def check_sequences(page, data):
    names = []
    for row in data["rows"]:
        if row["sequence"] not in names:
            names.append(row["sequence"])
    articles = list(page.all("article"))
    equal(len(articles), len(names), "sequences")
    for article, name in zip(articles, names):
        rows = [row for row in data["rows"] if row["sequence"] == name]
        equal(article.one("h3").text(), name, "name of a sequence")
        means = {k: sum(row[k]["mean"] for row in rows) / len(rows) for k in "JF"}
        stats = {b["data-key"]: b.text() for b in article.one("p", "stats").all("b")}
        wanted = {"J.mean": means["J"], "F.mean": means["F"], "jf_mean": (means["J"] + means["F"]) / 2}
        equal(stats, {k: f"{v:.3f}" for k, v in wanted.items()}, f"means of {name}")
        check_curves(article, rows)
        check_pictures(article, rows)


def check_self_contained(page, text):
    expect(not re.search(r"https?://|url\(|@import|<link|<iframe|<base", text), "the page names something outside")
    ids = {node["id"] for node in page.all() if node["id"]}
    for node in page.all():
        expect(not any(name.startswith("on") for name in node.attributes), f"<{node.tag}> has a script of its own")
        for name in ("src", "href"):
            if node[name] and node[name].startswith("data:"):
                kind, body = node[name].split(";base64,")
                equal(base64.b64decode(body)[:3], MAGIC[kind], "first bytes of a picture")
            elif node[name]:
                expect(node[name][0] == "#" and node[name][1:] in ids, f"{name}={node[name]}")
        if node.tag == "img":
            expect(node["alt"] is not None and node["width"] or "layer" in (node["class"] or ""), "a picture without description")


def check(html, json_path):
    page, text = read_page(html)
    with open(json_path, encoding="utf-8") as file:
        data = json.load(file)
    check_table(page, data)
    check_sequences(page, data)
    check_self_contained(page, text)
    settings = [node.text() for node in page.all("dd")]
    expect("a <model>" in settings, "the model of the sidecar is not shown")
    expect(any(" eval " in s and "--report" in s for s in settings), "the command line is not shown")


# What only a browser can tell


def check_sorted(html, word):
    page, _ = read_page(html)
    rows = list(page.one("table", id="scores").one("tbody").all("tr"))
    if word == "score":
        values = [float(row.one("td", "bar")["data-value"]) for row in rows]
        expect(values == sorted(values, reverse=True) and len(set(values)) > 1, f"not sorted: {values}")
    else:
        values = [row.one("th").text() for row in rows]
        equal(values, sorted(SEQUENCES + SEQUENCES[1:2]), "sequences by name")
    body = page.one("body")
    equal(body["data-broken"], "0", "pictures that do not show")
    shown = body["data-readout"]
    svg = next(page.all("svg"))
    last = float(next(svg.all("g"))["data-values"].split()[-1])
    equal(shown, f"{svg['data-frames'].split('/')[-1]}  {last:.3f}", "readout at the right end of the first chart")


def check_requests(path):
    with open(path, encoding="utf-8") as file:
        log = json.load(file)
    urls = {event["params"]["url"] for event in log["events"] if "url" in event.get("params", {})}
    outside = [u for u in urls if not u.startswith(("file:", "data:"))]
    expect(not outside, f"asked for {outside}")


def main():
    if sys.argv[1] == "make":
        make(sys.argv[2])
        return
    {"check": check, "sorted": check_sorted, "requests": check_requests}[sys.argv[1]](*sys.argv[2:])
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed != 0)


main()
