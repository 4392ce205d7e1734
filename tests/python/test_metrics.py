"""Figures against closed forms and numpy."""
import numpy as np
import pytest
from avsound import InvalidArgumentError, metrics


def wilson(share, n, z=1.959963984540054):
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def test_shares_have_wilsons_interval():
    assert metrics.wilson_interval(0.3, 50) == pytest.approx(wilson(0.3, 50), abs=1e-9)
    found = metrics.share([1, 0, 1, 0.5, np.nan])
    assert (found.n, found.n_skipped, found.value) == (4, 1, 0.625)
    assert (found.low, found.high) == pytest.approx(wilson(0.625, 4), abs=1e-9)
    assert "value=0.625" in repr(found)


def test_means_draw_whole_clips():
    items = [1.0, 2.0, 3.0, np.inf]
    found = metrics.mean(items, [0, 0, 1, 1], seed=3)
    assert (found.n, found.n_bad, found.value) == (4, 1, 1.5)
    same = metrics.mean(np.array(items)[::-1], [1, 1, 0, 0], seed=3)
    assert same.value == found.value and found.low <= 1.5 <= found.high
    with pytest.raises(ValueError, match="clips"):
        metrics.mean(items, [0])


def test_correspondence():
    positive, negative = np.array([0.9, 0.4, 0.7, 0.8]), np.array([0.1, 0.6, 0.2, np.nan])
    found = metrics.avc(positive, negative, [0, 0, 0, 1])
    assert (found.n, found.n_skipped) == (3, 1) and found.accuracy == pytest.approx(4 / 6)
    assert found.paired == pytest.approx(2 / 3)
    assert found.auc == pytest.approx(np.mean(positive[:3, None] > negative[None, :3]))
    assert metrics.alignment(positive[:3], negative[:3]).paired == pytest.approx(2 / 3)
    with pytest.raises(ValueError):
        metrics.avc(positive, negative[:2])


def test_retrieval_ranks_by_distance():
    rng = np.random.default_rng(1)
    queries = rng.standard_normal((20, 8))
    database = queries + 0.5 * rng.standard_normal((20, 8))
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (queries.astype("f4"), database.astype("f4"))]
    distance = np.linalg.norm(unit[0][:, None] - unit[1][None], axis=2)
    want = 1 + (distance < np.diag(distance)[:, None]).sum(1)
    found = metrics.retrieval(queries, database)
    assert np.array_equal(found.ranks, want) and found.figures.recall[0] == np.mean(want == 1)
    assert found.figures.median_rank == np.median(want)


def test_retrieval_by_labels():
    distances = metrics.label_distances(5, [[1, 0], [2, 0], [3, 1], [4, 1]], [2, 3, 4])
    assert distances.tolist() == [[0, 3, 3], [3, 0, 2], [3, 2, 0]]
    vectors = np.eye(3)
    found = metrics.retrieval(vectors, vectors, labels=[[0], [1, 2], [2]], distances=distances)
    assert found.figures.n_ndcg == 3 and np.all(found.ndcg > 0.9)
    with pytest.raises(ValueError, match="distances"):
        metrics.retrieval(vectors, vectors, labels=[[0], [1], [2]])
    with pytest.raises(InvalidArgumentError):
        metrics.retrieval(vectors, vectors, labels=[[0], [1], [9]], distances=distances)


def test_maps_against_boxes():
    map = np.zeros((10, 20))
    map[2:4, 5:8] = 1
    map[3, 6] = 2
    found = metrics.measure_map(map, [[50, 20, 80, 40]], 200, 100, mode="fixed", threshold=0.5)
    assert found.hit == 1 and found.centre_hit == 0 and (found.x, found.y) == (65, 35) and found.ciou > 0.6
    assert metrics.measure_map(map, [[100, 50, 120, 60]], 200, 100).hit == 0
    assert np.isnan(metrics.measure_map(map, [], 200, 100).hit)
    over = metrics.ciou([0.2, 0.6, 0.9, np.nan])
    assert over.at_half == pytest.approx(2 / 3) and over.n_skipped == 1
    assert metrics.negatives([0.9, 0.9, 0], [0.9, 0.8, 0.1], [1, 1, 0]).max_f1 == 1


def test_separation_in_decibels():
    rng = np.random.default_rng(2)
    sources = rng.standard_normal((2, 4000)).astype("f4")
    estimate = sources[0] + 0.1 * sources[1]
    s, e = sources[0] - sources[0].mean(), estimate - estimate.mean()
    target = (e @ s) / (s @ s) * s
    want = 10 * np.log10((target @ target) / ((target - e) @ (target - e)))
    assert metrics.si_sdr(sources[0], estimate) == pytest.approx(want, abs=1e-3)
    with metrics.Separation(sources, sources.sum(0), taps=16) as separation:
        found = separation.measure(estimate, 0)
        assert found.si_sdr == pytest.approx(want, abs=1e-3) and found.sdr == pytest.approx(20, abs=0.5)
        assert found.sdr_improvement == pytest.approx(found.sdr - 0, abs=1)
        assert separation.order(sources[::-1]).tolist() == [1, 0]
        with pytest.raises(ValueError):
            separation.measure(estimate[:-1], 0)
    assert metrics.osr(sources[0], 0.1 * sources[0]) == pytest.approx(20, abs=1e-3)
    masked = metrics.ideal_mask(sources[0], sources.sum(0))
    assert metrics.si_sdr(sources[0], masked) > metrics.si_sdr(sources[0], sources.sum(0)) + 3
    assert metrics.decibels([10, 20, np.inf, np.nan]).median == 20


def test_offsets():
    rng = np.random.default_rng(3)
    sound = rng.standard_normal((40, 6))
    # Picture i goes with sound i - 4: the sound is early by four frames.
    pictures = np.concatenate([rng.standard_normal((4, 6)), sound[:-4]])
    found = metrics.search_offset(pictures, sound, range=8)
    assert found.offset == 4 and len(found.curve) == 17 and np.nanargmin(found.curve) == 12
    assert metrics.search_offset(pictures, sound, measure="similarity").offset == 4
    judged = metrics.sync([0, 100, 200, np.nan], [10, 130, 300, 0], frame_ms=40)
    assert judged.within == pytest.approx(2 / 3) and judged.n_skipped == 1
    assert judged.bias == pytest.approx(140 / 3)


def test_correlated_sets_are_found():
    rng = np.random.default_rng(4)
    shared = rng.standard_normal((300, 2))
    x = np.concatenate([shared, rng.standard_normal((300, 3))], 1)
    y = np.concatenate([rng.standard_normal((300, 4)), shared], 1)
    with metrics.CCA(x, y, regularisation=1e-6) as cca:
        correlations = cca.correlations
        assert correlations[:2] == pytest.approx([1, 1], abs=1e-3) and correlations[2] < 0.4
        together = (cca.apply(x) * cca.apply(y, "y")).sum(1).mean()
        apart = (cca.apply(x) * cca.apply(y[::-1], "y")).sum(1).mean()
        assert np.allclose(np.linalg.norm(cca.apply(x), axis=1), 1, atol=1e-5) and together > apart + 0.3
        with pytest.raises(ValueError):
            cca.apply(y)


def test_confusion_is_drawn(tmp_path):
    path = tmp_path / "confusion.png"
    metrics.draw_confusion([[3, 1], [0, 4]], ["dog", "sea"], path, title="two")
    assert path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="want 2 x 2"):
        metrics.draw_confusion([[3, 1]], ["dog", "sea"], path)
    with pytest.raises(InvalidArgumentError, match=r"counts\[0\]\[1\] is -1"):
        metrics.draw_confusion([[3, -1], [0, 4]], ["dog", "sea"], path)
