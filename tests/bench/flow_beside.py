"""How near optical flow is to OpenCV's TV-L1: flow_beside.py FOLDER FRAME [STEP], of every STEP-th clip of the folder frame FRAME
and the next, the middle 224 x 224 of each. OpenCV once with its own settings and once as the paper has it (pictures halved, no
median filter); the energy that all of them make small says which answer is the better one. Needs Debian's python3-opencv."""
import pathlib
import sys

import cv2
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples" / "python"), str(ROOT / "tests" / "python")]
import avsound  # noqa: E402
import flow_oracle  # noqa: E402

SIZE = 224


def frames(path, at):
    with avsound.Media(path) as media:
        media.seek(at / 25)
        return [middle(media.read_frame().rgb()) for _ in range(2)]


def middle(rgb):
    top, left = (max(n - SIZE, 0) // 2 for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top:top + SIZE, left:left + SIZE])


def opencv(pair, step, median):
    program = cv2.optflow.DualTVL1OpticalFlow_create()
    program.setScaleStep(step)
    program.setMedianFiltering(median)
    return program.calc(*(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pair), None).transpose(2, 0, 1)


def error(flow, other):
    return np.hypot(*(flow - other)).mean()


def measure(path, at):
    pair = frames(path, at)
    ours, slow = avsound.optical_flow(*pair), avsound.optical_flow(*pair, warps=10)
    own, alike = opencv(pair, 0.8, 5), opencv(pair, 0.5, 1)
    row = [error(ours, alike), error(ours, own), error(slow, alike)] + [
        flow_oracle.energy(*pair, flow) for flow in (ours, slow, alike, own)]
    print(path.name, f"longest {np.hypot(*ours).max():.1f}", *(f"{value:.3f}" for value in row), flush=True)
    return row


cv2.setNumThreads(1)
clips = sorted(pathlib.Path(sys.argv[1]).glob("*.mp4"))[::int((sys.argv[3:] or ["1"])[0])]
print("clip; mean end-point error to OpenCV as in the paper, to its own settings, of ten warps to the former; energy of ours, of "
      "ten warps, of OpenCV as in the paper, of its own settings")
rows = np.array([measure(path, int(sys.argv[2])) for path in clips])
for name, values in (("mean", rows.mean(0)), ("median", np.median(rows, 0))):
    print(name, *(f"{value:.4f}" for value in values))
print(f"{len(rows)} pairs; energy lower than OpenCV's as in the paper in {(rows[:, 3] < rows[:, 5]).sum()}, than its own in "
      f"{(rows[:, 3] < rows[:, 6]).sum()}; of ten warps than of five in {(rows[:, 4] < rows[:, 3]).sum()}")
