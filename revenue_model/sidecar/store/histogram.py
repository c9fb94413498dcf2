"""Histograms of revenue and inference time: fixed bounds, so that counts can be added.

Bucket 0 holds what is below the first bound, the last what is above the last; between
them the bounds grow by a constant factor. A quantile is exact to a part of a bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_DIGITS = 12  # of a bucket in a packed histogram: no sum comes near a billion thousands
_POWERS = 10 ** np.arange(_DIGITS)[::-1]
ZERO_REVENUE = 0.005  # USD; less is no revenue: half a cent


@dataclass(frozen=True)
class Histogram:
    """Counts by value between `low` and `high`.

    Examples
    --------
    >>> times = Histogram(low=1.0, high=100.0, buckets=4)
    >>> times.bounds.tolist()
    [1.0, 10.0, 100.0]
    >>> times.bucket(np.array([0.5, 1.0, 50.0, 1000.0])).tolist()
    [0, 1, 2, 3]
    >>> times.quantiles(np.array([[0, 2, 2, 0]]), [0.5]).tolist()
    [[10.0]]
    """

    low: float
    high: float
    buckets: int

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        return np.geomspace(self.low, self.high, self.buckets - 1)

    def bucket(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The number of the bucket that each value is in."""
        return np.searchsorted(self.bounds, values, side="right")

    def count(
        self, groups: NDArray[np.int64], values: NDArray[np.float64], size: int
    ) -> NDArray[np.int64]:
        """A histogram a row for each of `size` groups; `groups` numbers each value's."""
        cells = groups * self.buckets + self.bucket(values)
        return np.bincount(cells, minlength=size * self.buckets).reshape(size, self.buckets)

    def quantiles(self, counts: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.float64]:
        """The values below which `shares` of the counted are, a row for each histogram.

        NaN when nothing was counted. Within a bucket the values are taken as spread evenly
        on the logarithmic scale; below the first bound all are 0, above the last all are the
        last.
        """
        cumulative = counts.cumsum(axis=1)
        wanted = np.multiply.outer(cumulative[:, -1], shares)
        bucket = (cumulative[:, None, :] < wanted[:, :, None]).sum(axis=2)
        within = bucket.clip(1, self.buckets - 2)
        left, right = self.bounds[within - 1], self.bounds[within]
        below = np.take_along_axis(cumulative, within - 1, axis=1)
        inside = np.take_along_axis(counts, within, axis=1)
        values: NDArray[np.float64] = left * (right / left) ** (
            (wanted - below) / np.maximum(inside, 1)
        )
        values[bucket == 0] = 0.0
        values[bucket > within] = self.high
        values[wanted == 0] = np.nan
        return values

    def pack(self, counts: NDArray[np.int64]) -> str:
        """`counts` as one decimal number; the sum of such numbers is that of the counts.

        >>> times = Histogram(low=1.0, high=100.0, buckets=4)
        >>> times.pack(np.array([7, 0, 2, 0]))
        '2000000000000000000000007'
        """
        digits = "".join(f"{n:0{_DIGITS}d}" for n in reversed(counts.tolist()))
        return digits.lstrip("0") or "0"

    def unpack(self, numbers: Sequence[str]) -> NDArray[np.int64]:
        """The counts in such numbers or sums, a row for each."""
        text = "".join(number.zfill(self.buckets * _DIGITS) for number in numbers)
        digits = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - ord("0")
        counts = digits.reshape(len(numbers), self.buckets, _DIGITS) @ _POWERS
        return counts[:, ::-1]


REVENUE = Histogram(low=ZERO_REVENUE, high=100_000.0, buckets=64)  # USD
INFERENCE_TIME = Histogram(low=0.1, high=60_000.0, buckets=40)  # milliseconds
