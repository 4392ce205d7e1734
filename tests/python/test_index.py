"""Writing an index and searching it."""
import avsound
import numpy as np
import pytest
from conftest import TINY, ffmpeg


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    for i in range(3):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=64x64:rate=10:duration=3,hue=h={80 * i}", "-f", "lavfi", "-i",
               f"sine={300 * (i + 1)}:duration=3", "-c:v", "mpeg4", "-c:a", "pcm_s16le", folder / f"{i}.mkv")
    ffmpeg("-f", "lavfi", "-i", "sine=880:duration=2", folder / "tone.wav")
    (folder / "noise.mkv").write_bytes(bytes(range(256)) * 40)
    return folder


@pytest.fixture
def library(model, archive, tmp_path):
    with avsound.Indexer(tmp_path / "a.db", model) as indexer:
        results = [indexer.add(path) for path in sorted(archive.iterdir())]
    assert [(r.outcome, r.images, r.sounds) for r in results] == [("new", 3, 3)] * 3 + [("failed", 0, 0), ("new", 0, 2)]
    assert "noise.mkv" in results[3].error and results[0].error is None
    return tmp_path / "a.db"


def test_what_is_written_is_read(library, model, archive):
    with avsound.Index(library) as index:
        info = index.info
        assert (info.files, info.failed, info.images, info.sounds) == (5, 1, 9, 11)
        assert info.modalities == ("image", "sound") and info.aligned and info.arch == "avol-net" and info.hop_seconds == 1
        assert [f.path for f in index] == [str(p) for p in sorted(archive.iterdir())] and len(index) == 5
        assert index[3].error and index[0].size == (archive / "0.mkv").stat().st_size
        assert index[0].mtime_ns == (archive / "0.mkv").stat().st_mtime_ns
        with pytest.raises(IndexError):
            index[5]
        index.check_model(model)
        with pytest.raises(avsound.StateError, match="another model"):
            index.check_model(avsound.Model.create("avol-net", TINY, seed=2))
        times = [r.time for r in model.scan(archive / "1.mkv", "embed-image", hop=1)]
        assert [index.item("image", 3 + i)[:2] for i in range(3)] == [(1, t) for t in times]


def test_search_is_what_numpy_finds(library):
    with avsound.Index(library) as index:
        vectors = {m: np.array([index.item(m, i)[2] for i in range(n)]) for m, n in (("image", 9), ("sound", 11))}
        np.testing.assert_allclose(np.linalg.norm(vectors["image"], axis=1), 1, atol=1e-6)
        queries = np.random.default_rng(1).standard_normal((7, 128)).astype(np.float32)
        for query, want in (("image", "sound"), ("sound", "image"), ("image", "image"), ("sound", "sound")):
            found = index.search(queries, query, want, k=4)
            cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ vectors[want].T
            best = np.sort(cosines, axis=1)[:, :-5:-1]
            np.testing.assert_allclose([[a.score for a in answers] for answers in found], best, atol=1e-5)
            for row, answers in zip(cosines, found):
                assert [row[a.item] for a in answers] == pytest.approx([a.score for a in answers], abs=1e-5)
            assert index.search(queries, query, want, k=4, shortlist=11) == found
        with pytest.raises(ValueError, match="shortlist is 3"):
            index.search(queries, "image", "sound", k=4, shortlist=3)
        one_each = index.search(queries[0], "image", "sound", k=10, per_file=1)[0]
        assert len({a.path for a in one_each}) == len(one_each) == 4
        with pytest.raises(ValueError, match="128 numbers"):
            index.search(queries[:, :5], "image", "sound")
        with pytest.raises(ValueError, match="modality"):
            index.search(queries, "image", "smell")


def test_what_is_there_is_kept(library, model, archive, tmp_path):
    with avsound.Indexer(library, model) as indexer:
        assert indexer.is_current(archive / "0.mkv") and indexer.add(archive / "0.mkv").outcome == "kept"
        with pytest.raises(avsound.StateError, match="another process"):
            avsound.Indexer(library, model)
    with pytest.raises(avsound.StateError, match="hop"):
        avsound.Indexer(library, model, hop=0.5)
    with avsound.Indexer(tmp_path / "b.db") as merged:
        assert merged.merge(library) == 5 and merged.prune() == 0
    with avsound.Index(tmp_path / "b.db") as index:
        assert index.info.sounds == 11
    with avsound.Indexer(library, model) as indexer:
        indexer.cancel()
        with pytest.raises(avsound.CancelledError):
            indexer.add(archive / "new.mkv")


def test_vectors_may_be_replaced(archive, tmp_path):
    model = avsound.Model.create("l3-net", TINY, seed=1)
    with avsound.Indexer(tmp_path / "c.db", model) as indexer:
        indexer.add(archive / "0.mkv")
    with avsound.Index(tmp_path / "c.db") as index:
        with pytest.raises(avsound.UnsupportedError, match="l3-net"):
            index.search(np.ones((1, index.info.image_dimension)), "image", "sound")
        index.replace_vectors("sound", [[1, 0], [0, 1], [1, 1]])
        index.replace_vectors("image", np.eye(3, 2) + 1)
        assert [a.item for a in index.search([[0, 5]], "image", "sound", k=3)[0]] == [1, 2, 0]
        with pytest.raises(ValueError, match="want 3 rows"):
            index.replace_vectors("sound", np.ones((4, 2)))


def test_a_cca_brings_pictures_and_sounds_together(archive, tmp_path):
    model = avsound.Model.create("l3-net", TINY, seed=1)
    with avsound.Indexer(tmp_path / "c.db", model) as indexer:
        for i in range(3):
            indexer.add(archive / f"{i}.mkv")
    with avsound.Index(tmp_path / "c.db") as index:
        with pytest.raises(avsound.StateError, match="has 9 pictures"):
            index.fit_cca()
        fitted = index.fit_cca(components=3, regularisation=0.1)
        fitted.save(tmp_path / "c.cca")
        cca = avsound.CCA.load(tmp_path / "c.cca")
        info = cca.info
        assert (info.components, info.pairs, info.arch, info.model) == (3, 9, "l3-net", index.info.model)
        cca.check_model(model)
        with pytest.raises(avsound.StateError, match="another model"):
            cca.check_model(avsound.Model.create("l3-net", TINY, seed=2))
        images, sounds = (np.array([index.item(side, i)[2] for i in range(9)]) for side in ("image", "sound"))
        np.testing.assert_array_equal(fitted.apply(sounds, "sound"), cca.apply(sounds, "y"))
        cosines = cca.apply(images, "image") @ cca.apply(sounds, "sound").T
        index.use_cca(cca)
        for row, answers in zip(cosines, index.search(cca.apply(images, "image"), "image", "sound", k=4)):
            np.testing.assert_allclose([a.score for a in answers], np.sort(row)[:-5:-1], atol=1e-5)
        index.use_cca(None)
        with pytest.raises(avsound.UnsupportedError, match="avsound cca"):
            index.search(images, "image", "sound")
    own = avsound.CCA(images, sounds, components=3, regularisation=0.1)
    assert own.info.model is None
    np.testing.assert_allclose(own.apply(images), cca.apply(images), atol=1e-4)


def test_foreign_files_are_refused(archive, tmp_path):
    with pytest.raises(avsound.FormatError, match="not a database"):
        avsound.Index(archive / "noise.mkv")
    with pytest.raises(avsound.FileError):
        avsound.Index(tmp_path / "none.db")
    with pytest.raises(avsound.FormatError):
        avsound.CCA.load(archive / "noise.mkv")
