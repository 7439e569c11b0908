"""How far apart sets of pictures are, which captions find their pictures, how well the edges of a panorama meet.

Knows: features and pixels as arrays. Does not know: where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


def kernel_distance(a: Features, b: Features) -> float:
    """Squared maximum mean discrepancy of two sets (n, d), (m, d); unbiased, so about 0 for the same distribution.

    Of unit variance, so that its size means something: then x·y / d is about 1 for a picture with itself.

    Source: Binkowski et al. 2018, arXiv:1801.01401: kernel (x·y / d + 1)^3.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)

    def kernel(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((p @ q.T / p.shape[1] + 1) ** 3)

    xx, yy, n, m = kernel(x, x), kernel(y, y), len(x), len(y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * kernel(x, y).mean())


def nearest(a: Features, b: Features) -> Features:
    """For each row of ``a`` (n, d) the cosine distance to the nearest row of ``b`` (m, d)."""
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True).clip(1e-9) for v in (a, b))
    return np.asarray(1 - (x @ y.T).max(axis=1), dtype=np.float32)


def ahead(pictures: Features, captions: Features, own: Sequence[int], words: Sequence[object]) -> NDArray[np.int64]:
    """For each picture how many captions are as near as its own or nearer: 0 is found at once.

    Args:
        pictures: (n, d) of length 1.
        captions: (m, d) of length 1.
        own: for each picture the number of its caption.
        words: for each caption what it says; those that say the same as a picture's own are not in its way.
    """
    near = pictures @ captions.T
    mine = near[np.arange(len(pictures)), list(own)][:, None]
    other = np.array([[words[i] != each for each in words] for i in own], dtype=bool).reshape(near.shape)
    return np.asarray(((near >= mine) & other).sum(axis=1), dtype=np.int64)


def seam(picture: NDArray[np.uint8]) -> float:
    """Mean step from the last column of a panorama (H, W, 3) to the first, over the mean step between neighbours."""
    values = picture.astype(np.float64)
    inner = np.abs(np.diff(values, axis=1)).mean()
    return float(np.abs(values[:, 0] - values[:, -1]).mean() / max(inner, 1e-9))
