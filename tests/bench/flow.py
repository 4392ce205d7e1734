"""How fast optical flow is on one core: flow.py CLIP. Middles of 224 x 224 of the clip's frames; beside it OpenCV's TV-L1 with its
own settings, where Debian's python3-opencv is installed."""
import itertools
import pathlib
import statistics
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))
import avsound  # noqa: E402

SIZE, PAIRS = 224, 50


def middle(rgb):
    top, left = (max(n - SIZE, 0) // 2 for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top:top + SIZE, left:left + SIZE])


def rate(name, function, pictures):
    seconds = []
    for first, second in itertools.pairwise(pictures):
        start = time.process_time()
        function(first, second)
        seconds.append(time.process_time() - start)
    print(f"{name}: {1 / statistics.median(seconds):.1f} pairs a second of processor time")


with avsound.Media(sys.argv[1]) as media:
    pictures = [middle(frame.rgb()) for frame in itertools.islice(media.frames(), PAIRS + 1)]
print(f"{len(pictures) - 1} pairs of {pictures[0].shape[1]} x {pictures[0].shape[0]}")
rate("avsound", avsound.optical_flow, pictures)
try:
    import cv2
    cv2.setNumThreads(1)
    other = cv2.optflow.DualTVL1OpticalFlow_create()
except (ImportError, AttributeError):
    sys.exit()
grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in pictures]
rate(f"OpenCV {cv2.__version__}", lambda a, b: other.calc(a, b, None), grey[:11])
