#!/usr/bin/env python3
"""Writes metrics.json: what numpy makes of 100 random cases of each metric.

    make_metrics.py metrics.json

An implementation of its own, slow and plain: loops over pairs, Floyd and Warshall, full sorts, eigenvectors. The inputs
are not in the file: both sides draw them from SplitMix64, seeded with the metric's number and the case's, in the order
in which the functions below call for them. Needs numpy.
"""
import json
import math
import sys

import numpy as np

CASES = 100
MASK = (1 << 64) - 1
Z = 1.959963984540054


class Stream:
    """SplitMix64 (Steele, Lea, Flood 2014)."""

    def __init__(self, metric, case):
        self.state = (metric * 1000003 + case) & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        x = self.state
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
        x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
        return x ^ x >> 31

    def below(self, bound):
        return (self.next() >> 32) % bound

    def uniform(self):
        """24 bits: exact in a float."""
        return (self.next() >> 40) / 2.0**24


def wilson(right, n):
    if n == 0:
        return math.nan, math.nan
    p = right / n
    root = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, (p + Z * Z / (2 * n) - root) / (1 + Z * Z / n)), \
        min(1.0, (p + Z * Z / (2 * n) + root) / (1 + Z * Z / n))


def plain(values):
    return [None if math.isnan(v) else "inf" if v == math.inf else "-inf" if v == -math.inf else float(v)
            for v in values]


# ---- correspondence ----

def avc(case):
    s = Stream(1, case)
    n = 1 + s.below(40)
    coarse, broken, skipping = s.below(2), s.below(4) == 0, s.below(4) == 0

    def draw():
        value = s.below(9) / 8 if coarse else s.uniform()
        return math.nan if broken and s.below(5) == 0 else value

    rows = []
    for _ in range(n):
        p, q = draw(), draw()
        rows.append((p, q, skipping and s.below(3) == 0))
    kept = [(p, q) for p, q, skip in rows if not skip]
    bad = sum(math.isnan(p) or math.isnan(q) for p, q in kept)
    pos = [-math.inf if math.isnan(p) else p for p, _ in kept]
    neg = [math.inf if math.isnan(q) else q for _, q in kept]
    m = len(kept)
    if m == 0:
        return plain([0, 0, n] + [math.nan] * 7)
    right = sum(p > 0.5 for p in pos) + sum(not q > 0.5 for q in neg)
    paired = sum((p > q) + 0.5 * (p == q) for p, q in zip(pos, neg))
    auc = sum((p > q) + 0.5 * (p == q) for p in pos for q in neg) / (m * m)
    return plain([m, bad, n - m, right / (2 * m), *wilson(right, 2 * m), auc, paired / m, *wilson(paired, m)])


# ---- bootstrap ----

def philox(seed, stream, index):
    """The upper 64 bits of Philox4x32-10 at many indices."""
    lo = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    c = [index & lo, index >> shift, np.full_like(index, stream & 0xFFFFFFFF), np.full_like(index, stream >> 32)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & lo, (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & lo]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c[0] << shift | c[1]


def fnv(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & MASK
    return h


def bootstrap(groups, seed):
    """groups: a list of lists of values; 2.5th and 97.5th percentiles of 1000 means over groups drawn again."""
    n = len(groups)
    bits = philox(seed, fnv("bootstrap"), np.arange(1000 * n, dtype=np.uint64))
    chosen = np.array([int(b) * n >> 64 for b in bits]).reshape(1000, n)
    sums, sizes = np.array([math.fsum(g) for g in groups]), np.array([len(g) for g in groups])
    means = sums[chosen].sum(1) / sizes[chosen].sum(1)
    return np.percentile(means, [2.5, 97.5])


def mean(case):
    s = Stream(2, case)
    n = 1 + s.below(30)
    clustered, gaps, seed = s.below(2), s.below(3) == 0, s.next()
    items, clips = [], []
    for _ in range(n):
        value = 4 * s.uniform() - 2
        what = s.below(4) if gaps else 9
        items.append(math.nan if what == 0 else math.inf if what == 1 else value)
        clips.append(s.below(6))
    groups = {}
    for i, (item, clip) in enumerate(zip(items, clips)):
        if not math.isnan(item):
            groups.setdefault(clip if clustered else i, []).append(0.0 if math.isinf(item) else item)
    scored = [v for g in groups.values() for v in g]
    bad = sum(math.isinf(v) for v in items)
    if not scored:
        return plain([0, 0, n] + [math.nan] * 3)
    low, high = bootstrap([groups[k] for k in sorted(groups)], seed)
    return plain([len(scored), bad, n - len(scored), math.fsum(scored) / len(scored), low, high])


# ---- retrieval ----

def tree_distances(nodes, edges):
    d = np.full((nodes + 1, nodes + 1), 10**6)
    np.fill_diagonal(d, 0)
    children = {child for child, _ in edges}
    for a, b in edges + [(k, nodes) for k in range(nodes) if k not in children]:
        d[a, b] = d[b, a] = 1
    for k in range(nodes + 1):
        d = np.minimum(d, d[:, k:k + 1] + d[k:k + 1])
    return d[:nodes, :nodes]


def draw_tree(s):
    nodes = 2 + s.below(25)
    edges = []
    for child in range(1, nodes):
        for _ in range(s.below(3)):
            edge = (child, s.below(child))
            if edge not in edges:
                edges.append(edge)
    return nodes, edges


def labels(case):
    s = Stream(3, case)
    nodes, edges = draw_tree(s)
    return plain(tree_distances(nodes, edges).ravel())


def unit(v):
    size = math.sqrt(sum(x * x for x in v)) if all(map(math.isfinite, v)) else 0
    return [x / size for x in v] if size > 0 else None


def order_of(query, database):
    """Indices by distance; zero and broken vectors last, ties to the lowest."""
    q = unit(query)
    keys = []
    for j, item in enumerate(database):
        u = unit(item)
        far = math.inf if u is None else 1 if q is None else math.sqrt(sum((a - b)**2 for a, b in zip(q, u)))
        keys.append((far, j))
    return [j for _, j in sorted(keys)]


def dcg(gains):
    return sum(g / math.log2(place + 2) for place, g in enumerate(gains))


def retrieval(case):
    s = Stream(4, case)
    nodes, edges = draw_tree(s)
    distance = tree_distances(nodes, edges)
    n, dimension = 1 + s.below(45), 2 + s.below(7)
    same, depth, seed = s.below(2), 30 if s.below(2) else 1 + s.below(12), s.next()
    rough = s.below(3) == 0

    def draw_vectors():
        vectors = []
        for i in range(n):
            v = [2 * s.uniform() - 1 for _ in range(dimension)]
            what = s.below(8) if rough else 9
            vectors.append([0.0] * dimension if what == 0 else [math.nan] * dimension if what == 1 else
                           list(vectors[i // 2]) if what == 2 and i else v)
        return vectors

    queries, database = draw_vectors(), draw_vectors()
    labelled = [[s.below(nodes) for _ in range(s.below(4))] for _ in range(n)]

    ranks, scores, chances = [], [], []
    bad = [any(map(math.isnan, q)) for q in queries]
    for i in range(n):
        order = order_of(queries[i], database)
        ranks.append(n if bad[i] else order.index(i) + 1)
        if not labelled[i]:
            continue
        rel = {j: max(20 - distance[a, b] for a in labelled[i] for b in labelled[j])
               for j in range(n) if labelled[j] and not (same and j == i)}
        gains = [2.0**rel[j] - 1 for j in order if j in rel]
        best = dcg(sorted(gains, reverse=True)[:depth])
        if best <= 0:
            continue
        scores.append(0.0 if bad[i] else dcg(gains[:depth]) / best)
        chances.append(np.mean(gains) * dcg([1] * min(depth, len(gains))) / best)
    out = []
    if same:
        out += [0, 0, n] + [math.nan] * 9 + [math.nan] * 5
    else:
        out += [n, sum(bad), 0]
        for k in (1, 5, 10):
            found = sum(r <= k for r in ranks)
            out += [found / n, *wilson(found, n)]
        out += [np.median(ranks), min(1, 1 / n), min(1, 5 / n), min(1, 10 / n), (n + 1) / 2]
    if scores:
        low, high = bootstrap([[v] for v in scores], seed)
        out += [len(scores), math.fsum(scores) / len(scores), low, high, math.fsum(chances) / len(chances)]
    else:
        out += [0] + [math.nan] * 4
    return plain(out)


# ---- maps ----

def resized(m):
    """Bilinear, 224 x 224, pixel centres; the edge cells go on to the edge."""
    def taps(count):
        at = np.maximum((np.arange(224) + 0.5) * count / 224 - 0.5, 0)
        first = np.minimum(np.floor(at).astype(int), count - 1)
        return first, np.minimum(first + 1, count - 1), at - first
    (r0, r1, v), (c0, c1, h) = taps(m.shape[0]), taps(m.shape[1])
    top = m[r0][:, c0] + h * (m[r0][:, c1] - m[r0][:, c0])
    bottom = m[r1][:, c0] + h * (m[r1][:, c1] - m[r1][:, c0])
    return top + v[:, None] * (bottom - top)


def overlap(chosen, truth):
    return truth[chosen].sum() / (truth.sum() + (chosen & (truth == 0)).sum())


def maps(case):
    s = Stream(5, case)
    sizes = [7, 14, 28, 1, 56, 9]
    rows, cols = sizes[s.below(6)], sizes[s.below(6)]
    width, height = 16 + s.below(400), 16 + s.below(400)
    mode, consensus, levels = s.below(4), s.below(2), [2, 5, 1 << 12][s.below(3)]
    broken, threshold = s.below(12) == 0, s.uniform()
    # Multiples of a power of two: the sizes that divide 224 by one are then resized exactly, ties and all.
    m = np.array([[s.below(levels) / 4096 * (4096 // levels) for _ in range(cols)] for _ in range(rows)])
    boxes = []
    for _ in range(s.below(4)):
        x, y = (s.uniform() * 1.4 - 0.3) * width, (s.uniform() * 1.4 - 0.3) * height
        boxes.append((x, y, x + (s.uniform() - 0.1) * width, y + (s.uniform() - 0.1) * height))

    clipped = [(max(a, 0), max(b, 0), min(c, width), min(d, height)) for a, b, c, d in boxes]
    clipped = [b for b in clipped if b[2] > b[0] and b[3] > b[1]]

    def inside(x, y):
        return float(any(a <= x < c and b <= y < d for a, b, c, d in clipped)) if clipped else math.nan

    truth = np.zeros((224, 224))
    for a, b, c, d in boxes:
        x0, y0, x1, y1 = (int(min(max(v * 224 / e, 0), 224)) for v, e in zip((a, b, c, d), (width, height) * 2))
        truth[y0:y1, x0:x1] += 0.5 if consensus else 1
    truth = np.minimum(truth, 1)
    whole = overlap(np.ones((224, 224), bool), truth) if truth.sum() else math.nan
    if broken:
        hit = -math.inf if clipped else math.nan
        ciou = -math.inf if truth.sum() else math.nan
        return plain([hit, inside(width / 2, height / 2), math.nan, math.nan, ciou, whole, -math.inf, -math.inf])
    peak = int(np.argmax(m))
    x, y = (peak % cols + 0.5) * width / cols, (peak // cols + 0.5) * height / rows
    hit = inside(x, y) if m.max() > m.min() or not clipped else 0.0
    quarter = math.ceil(rows * cols / 4)
    confidence = np.mean(np.sort(m.ravel())[-quarter:])
    big = resized(m)
    # Scaled to 0...1, as the definition says, where nothing depends on the map's own values.
    even = big - big.min()
    even = even / even.max() if even.max() > 0 else even
    middle = np.sort(even.ravel())[224 * 224 // 2]
    if mode == 0:
        chosen = even > middle
    elif mode == 1:
        chosen = even >= middle
    elif mode == 2:
        order = np.argsort(-even.ravel(), kind="stable")[:(truth > 0).sum()]
        chosen = np.zeros(224 * 224, bool)
        chosen[order] = True
        chosen = chosen.reshape(224, 224)
    else:
        chosen = big >= threshold
    ciou = overlap(chosen, truth) if truth.sum() else math.nan
    return plain([hit, inside(width / 2, height / 2), x, y, ciou, whole, confidence, m.max()])


def draw_item(s, gaps):
    value = s.below(21) / 20 if s.below(2) else s.uniform()
    what = s.below(5) if gaps else 9
    return math.nan if what == 0 else -math.inf if what == 1 else value


def ciou_set(case):
    s = Stream(6, case)
    n, gaps = 1 + s.below(40), s.below(3) == 0
    items = [draw_item(s, gaps) for _ in range(n)]
    kept = np.array([v for v in items if not math.isnan(v)])
    bad = int(np.isinf(kept).sum())
    if not len(kept):
        return plain([0, 0, n] + [math.nan] * 4)
    kept = np.where(np.isinf(kept), 0, kept)
    curve = [float(np.mean(kept >= k / 20)) for k in range(21)]
    half = int((kept >= 0.5).sum())
    return plain([len(kept), bad, n - len(kept), half / len(kept), *wilson(half, len(kept)),
                  np.trapz(curve, dx=0.05)])


def negatives(case):
    s = Stream(7, case)
    n, gaps, coarse = 1 + s.below(40), s.below(3) == 0, s.below(2)
    share = 1 + s.below(4)
    rows = []
    for _ in range(n):
        positive = s.below(share + 1) > 0
        ciou = draw_item(s, gaps)
        confidence = s.below(6) / 5 if coarse else s.uniform()
        if gaps and s.below(6) == 0:
            confidence = math.nan
        rows.append((positive, ciou, confidence))
    kept = [r for r in rows if not (r[0] and math.isnan(r[1]))]
    skipped = n - len(kept)
    items = []
    bad = 0
    for positive, ciou, confidence in kept:
        broken = math.isnan(confidence) or (positive and math.isinf(ciou))
        bad += broken
        if broken:  # a positive never fires, a negative always does
            items.append((positive, False, -math.inf if positive else math.inf))
        else:
            items.append((positive, positive and ciou >= 0.5, confidence))
    head = [len(kept), bad, skipped, sum(not p for p, _, _ in items)]
    if not any(p for p, _, _ in items):
        return plain(head + [math.nan] * 4)
    thresholds = sorted({c for _, _, c in items if math.isfinite(c)} | {math.inf}, reverse=True)
    points = []
    for t in thresholds:
        fired = [i for i in items if i[2] >= t]
        tp = sum(right for _, right, _ in fired)
        fp = len(fired) - tp
        fn = sum(p for p, _, _ in items) - sum(p for p, _, _ in fired)
        precision = tp / (tp + fp) if fired else 1.0
        recall = tp / (tp + fn) if tp + fn else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        alarms = sum(not p for p, _, _ in fired) / head[3] if head[3] else math.nan
        points.append((f1, t, precision, recall, alarms))
    best = max(points, key=lambda p: (p[0], p[1]))
    area, before = 0.0, 0.0
    for _, _, _, recall, _ in points:
        area += (recall - before) * max(p[2] for p in points if p[3] >= recall)
        before = recall
    return plain(head + [best[0], best[1], area, best[4]])


# ---- canonical correlations ----

def inverse_root(c):
    values, vectors = np.linalg.eigh(c)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def cca(case):
    s = Stream(8, case)
    dx, dy, n = 1 + s.below(6), 1 + s.below(6), 10 + s.below(30)
    shared = [[2 * s.uniform() - 1 for _ in range(3)] for _ in range(n)]
    x = np.array([[shared[i][k % 3] * (k + 1) + s.uniform() for k in range(dx)] for i in range(n)], np.float32)
    y = np.array([[shared[i][(k + 1) % 3] - 2 * s.uniform() for k in range(dy)] for i in range(n)], np.float32)
    r = 0.001 + 0.1 * s.uniform()
    xs, ys = x.astype(float) - x.astype(float).mean(0), y.astype(float) - y.astype(float).mean(0)
    cxx, cyy, cxy = xs.T @ xs / n, ys.T @ ys / n, xs.T @ ys / n
    wx = inverse_root(cxx + r * np.trace(cxx) / dx * np.eye(dx))
    wy = inverse_root(cyy + r * np.trace(cyy) / dy * np.eye(dy))
    u, sigma, vt = np.linalg.svd(wx @ cxy @ wy)
    k = min(dx, dy)
    a, b = wx @ u[:, :k], wy @ vt[:k].T
    signs = np.sign(a[np.argmax(np.abs(a), 0), np.arange(k)])
    out = [k, *sigma[:k]]
    for projected in (xs @ (a * signs), ys @ (b * signs)):
        projected /= np.linalg.norm(projected, axis=1, keepdims=True)
        out += list(projected[:3].ravel())
    return plain(out)


METRICS = {"avc": avc, "mean": mean, "labels": labels, "retrieval": retrieval, "maps": maps, "ciou": ciou_set,
           "negatives": negatives, "cca": cca}


def main():
    golden = {name: [metric(case) for case in range(CASES)] for name, metric in METRICS.items()}
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write("{\n" + ",\n".join(
            f'"{name}": [\n' + ",\n".join(json.dumps([float(f"{v:.12g}") if isinstance(v, float) else v for v in case],
                                                     separators=(",", ":")) for case in cases) + "]"
            for name, cases in golden.items()) + "}\n")


if __name__ == "__main__":
    main()
