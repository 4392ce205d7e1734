"""TV-L1 optical flow in numpy and double precision, from the equations of Zach, Pock and Bischof (DAGM 2007): a witness for the
library's, equal to it in its choices (levels, warps, steps) and in nothing else."""
import numpy as np

LEVELS, WARPS, STEPS = 5, 5, 30
LAMBDA, THETA, TAU = 0.15, 0.3, 0.25


def luma(picture):
    return picture.astype(np.float64) @ [0.299, 0.587, 0.114]


def blur(image, deviation=1.04, radius=4):
    taps = np.exp(-np.arange(-radius, radius + 1) ** 2 / (2 * deviation ** 2))
    taps /= taps.sum()
    for axis in (0, 1):
        padded = np.pad(image, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        image = np.apply_along_axis(lambda line: np.convolve(line, taps, "valid"), axis, padded)
    return image


def stretch(image, shape):
    """Bilinear, centres on centres."""
    at = [np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1) for n, m in zip(shape, image.shape)]
    rows = np.array([np.interp(at[0], np.arange(image.shape[0]), column) for column in image.T]).T
    return np.array([np.interp(at[1], np.arange(image.shape[1]), row) for row in rows])


def pyramid(image):
    levels = [image]
    while len(levels) < LEVELS and min((n + 1) // 2 for n in levels[-1].shape) >= 16:
        levels.append(stretch(blur(levels[-1]), [(n + 1) // 2 for n in levels[-1].shape]))
    return levels


def keys(t):
    """Weights of four neighbours for a point at 0...1 between the middle two (Keys 1981, a = -1/2)."""
    near, far = lambda d: 1.5 * d ** 3 - 2.5 * d ** 2 + 1, lambda d: -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2
    return np.array([far(1 + t), near(t), near(1 - t), far(2 - t)])


def sampled(image, x, y):
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    out, wx, wy = 0, keys(x - left), keys(y - top)
    for j in range(4):
        for i in range(4):
            out = out + wy[j] * wx[i] * image[np.clip(top + j - 1, 0, image.shape[0] - 1),
                                              np.clip(left + i - 1, 0, image.shape[1] - 1)]
    return out


def warped(image, u):
    """The picture where the flow leads, and its slopes there by small differences; nothing outside."""
    y, x = np.mgrid[:image.shape[0], :image.shape[1]] + u[::-1]
    known = (x >= 0) & (y >= 0) & (x <= image.shape[1] - 1) & (y <= image.shape[0] - 1)
    x, y, h = np.clip(x, 0, image.shape[1] - 1), np.clip(y, 0, image.shape[0] - 1), 1e-4
    slopes = [(sampled(image, x + h, y) - sampled(image, x - h, y)) / (2 * h),
              (sampled(image, x, y + h) - sampled(image, x, y - h)) / (2 * h)]
    return sampled(image, x, y), np.array(slopes) * known, known


def divergence(p):
    out = np.zeros_like(p[0])
    out[:, 0] += p[0][:, 0]
    out[:, 1:-1] += p[0][:, 1:-1] - p[0][:, :-2]
    out[:, -1] -= p[0][:, -2]
    out[0] += p[1][0]
    out[1:-1] += p[1][1:-1] - p[1][:-2]
    out[-1] -= p[1][-2]
    return out


def gradient(u):
    out = np.zeros((2, *u.shape))
    out[0][:, :-1] = np.diff(u, axis=1)
    out[1][:-1] = np.diff(u, axis=0)
    return out


def threshold(rho, slopes):
    """What proposition 3 adds to u, case by case."""
    square = (slopes ** 2).sum(0)
    far, weight = LAMBDA * THETA * square, LAMBDA * THETA
    between = -rho / np.where(square > 1e-6, square, np.inf)
    return np.where(rho < -far, weight, np.where(rho > far, -weight, between)) * slopes


def flow(first, second):
    """Of two pictures in RGB: dx, dy [2][height][width]."""
    u = None
    for a, b in zip(*(reversed(pyramid(luma(picture))) for picture in (first, second))):
        scale = None if u is None else [a.shape[1] / u.shape[2], a.shape[0] / u.shape[1]]
        u = np.zeros((2, *a.shape)) if u is None else np.array([s * stretch(c, a.shape) for s, c in zip(scale, u)])
        p = np.zeros((2, 2, *a.shape))
        for _ in range(WARPS):
            start = u.copy()
            image, slopes, known = warped(b, start)
            for _ in range(STEPS):
                rho = (image - a + (slopes * (u - start)).sum(0)) * known
                v = u + threshold(rho, slopes)
                for d in (0, 1):
                    u[d] = v[d] + THETA * divergence(p[d])
                    g = gradient(u[d])
                    p[d] = (p[d] + TAU / THETA * g) / (1 + TAU / THETA * np.sqrt((g ** 2).sum(0)))
    return u


def energy(first, second, u):
    """What TV-L1 makes small, a pixel: total variation of the flow, and lambda times what is left between the pictures."""
    image, _, known = warped(luma(second), u.astype(np.float64))
    variation = sum(np.hypot(*gradient(component.astype(np.float64))) for component in u)
    return float((variation + LAMBDA * np.abs(image - luma(first)) * known).mean())
