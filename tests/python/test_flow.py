"""Optical flow beside two others: one in numpy, and OpenCV's."""
import avsound
import numpy as np
import pytest
import flow_oracle
from conftest import ROOT, picture

DATA = ROOT.parent / "shared" / "data" / "val"
SIZE = 224


def test_flow_finds_what_moved():
    wide = picture(seed=3, height=30, width=30).repeat(8, 0).repeat(8, 1)
    flow = avsound.optical_flow(wide[:200, :208], wide[3:203, 2:210])
    assert flow.shape == (2, 200, 208) and flow.dtype == np.float32
    assert np.abs(flow[:, 16:-16, 16:-16] - np.array([-2, -3]).reshape(2, 1, 1)).mean() < 0.1
    assert not avsound.optical_flow(wide, wide).any()
    out = np.empty((2, 240, 240), np.float32)
    assert avsound.optical_flow(wide, wide, warps=1, out=out) is out
    with pytest.raises(avsound.ShapeError, match="one size"):
        avsound.optical_flow(wide, wide[1:])
    with pytest.raises(avsound.InvalidArgumentError, match="warps"):
        avsound.optical_flow(wide, wide, warps=-1)


@pytest.fixture(scope="module")
def pairs():
    """Of every fourth clip a frame and the next."""
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    return [frames(path, 30) for path in sorted(DATA.glob("*.mp4"))[::4]]


def frames(path, at, count=2):
    """Frame `at` and those behind it, the middle of each."""
    with avsound.Media(path) as media:
        media.seek(at / 25)
        return [middle(media.read_frame().rgb()) for _ in range(count)]


def middle(rgb):
    top, left = (max(n - SIZE, 0) // 2 for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top:top + SIZE, left:left + SIZE])


def end_point_error(flow, other):
    return float(np.hypot(*(flow - other)).mean())


def test_flow_is_the_oracles(pairs):
    errors = [end_point_error(avsound.optical_flow(*pair), flow_oracle.flow(*pair)) for pair in pairs[::3]]
    print(f"{len(errors)} pairs, mean end-point error {np.mean(errors):.4f}, largest {max(errors):.4f}")
    assert len(errors) >= 5 and np.mean(errors) <= 0.15


def unexplained(cv2, first, second, flow):
    """Mean difference in levels of 255 between the first picture and the second, warped back."""
    rows, columns = np.mgrid[:flow.shape[1], :flow.shape[2]].astype(np.float32)
    back = cv2.remap(second, columns + flow[0], rows + flow[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return float(np.abs(back.astype(np.float32) - first).mean())


def test_flow_is_another_programs(pairs):
    """OpenCV's own settings are other ones (pyramid, median filter, when to stop). Where no flow explains the pictures, something
    was uncovered or a hand is too fast, either program guesses: those pairs are counted, but not compared."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV for Python (Debian's python3-opencv) is missing")
    if not hasattr(cv2, "optflow"):
        pytest.skip("this OpenCV has no optflow module")
    cv2.setNumThreads(1)
    program, errors = cv2.optflow.DualTVL1OpticalFlow_create(), []
    for pair in pairs:
        grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pair]
        theirs = program.calc(*grey, None).transpose(2, 0, 1)
        if unexplained(cv2, *grey, theirs) <= 2:
            errors.append(end_point_error(avsound.optical_flow(*pair), theirs))
    print(f"{len(errors)} of {len(pairs)} pairs, mean end-point error {np.mean(errors):.4f}, largest {max(errors):.4f}")
    assert len(errors) >= 0.8 * len(pairs) and np.mean(errors) <= 0.15
