"""How the values of a column are told apart where installs are counted.

The profile of a training table and the roll-ups of the prediction log are compared with
each other, so both count by these rules: numbers by bins on a logarithmic scale, texts
without regard to case and outer spaces.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from revenue_model.prediction_log.category import MISSING, category_of

OTHER = "(other)"  # categories that share their count
MAX_CHARACTERS = 100  # of a category
PSI_LIMITS = (0.1, 0.25)  # from which population stability index a change is moderate, large
_PER_OCTAVE = 4  # bins from 1 to 2: each is 1.19 times the last
_MIN_PLACE, _MAX_PLACE = -10 * _PER_OCTAVE, 40 * _PER_OCTAVE  # 0.001 to 10**12, by magnitude
_ZERO = _MIN_PLACE - 1


def bins(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each of `numbers`, which are finite: 0 is one of its own, and signs differ.

    >>> bins(np.array([0.0, 1.0, 1.3, -1.3])).tolist()
    [0, 41, 42, -42]
    """
    magnitude = np.maximum(np.abs(numbers), 2.0 ** (_MIN_PLACE / _PER_OCTAVE))
    place = np.floor(np.log2(magnitude) * _PER_OCTAVE).astype(np.int64)
    place = np.clip(place, _MIN_PLACE, _MAX_PLACE) - _ZERO
    return np.where(numbers == 0, 0, np.where(numbers < 0, -place, place))


def bin_name(number: int) -> str:
    """The bound of a bin that is nearer to zero, as text.

    >>> bin_name(0), bin_name(41), bin_name(42), bin_name(-42)
    ('0', '1', '1.189', '-1.189')
    """
    bound = 2.0 ** ((abs(number) + _ZERO) / _PER_OCTAVE)
    return "0" if number == 0 else f"{'-' if number < 0 else ''}{bound:.4g}"


def category(text: str | None) -> str:
    """The category that `text` counts as: what is too long is cut, what is missing has a name.

    >>> category(" iOS "), category(""), category(None), category("None")
    ('ios', '(missing)', '(missing)', '(missing)')
    """
    return category_of(text)[:MAX_CHARACTERS] or MISSING


def count_numbers(numbers: NDArray[np.float64]) -> dict[str, int]:
    """How many of `numbers` are in each bin, NaN as missing."""
    known = np.isfinite(numbers)
    found, rows = np.unique(bins(numbers[known]), return_counts=True)
    counts = {bin_name(number): int(n) for number, n in zip(found.tolist(), rows, strict=True)}
    return counts | ({MISSING: int((~known).sum())} if not known.all() else {})


def merge_categories(texts: Iterable[str | None], rows: Iterable[int]) -> dict[str, int]:
    """How many rows each category has, where `texts` may come in several spellings."""
    counts: dict[str, int] = {}
    for text, n in zip(texts, rows, strict=True):
        name = category(text)
        counts[name] = counts.get(name, 0) + int(n)
    return counts
