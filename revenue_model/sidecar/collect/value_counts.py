"""Counts of the values of each logged column, by hour and model version.

They are what `/drift` answers from. A text counts as a category, a number by its bin
(`prediction_log.binning`); of a column's categories at most `MAX_CATEGORIES` an hour have
counts of their own, the later ones share `OTHER`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from revenue_model.prediction_log.binning import (
    OTHER,
    bin_name,
    bins,
    merge_categories,
)
from revenue_model.prediction_log.category import MISSING
from revenue_model.sidecar.collect.rollups import Codes, groups

PREDICTION = "predicted_revenue"  # counted beside the inputs
MAX_CATEGORIES = 1000
_MAX_REMEMBERED = 2000  # hours x versions x columns
_DENSE = 4  # cells a row up to which counting beats sorting
_HOUR_S = 3600
_LAST_BIN = int(bins(np.array([1e300]))[0])
_BINS = 2 * _LAST_BIN + 1


class ColumnCounter:
    """Counts lines; remembers which categories an hour has, so that they stay few."""

    def __init__(self, without: str) -> None:
        """`without` names the column of the install's time, which is no feature."""
        self._without = without
        self._known: dict[tuple[str, ...], set[str]] = {}  # by hour, version, column

    def count(self, rows: pa.Table, inputs: pa.Table) -> list[dict[str, Any]]:
        """What lines add to the table `column_counts`: a dict an hour, version and column.

        Only answered rows count: what was refused is no install.
        """
        if rows[PREDICTION].null_count:
            answered = pc.is_valid(rows[PREDICTION])
            rows, inputs = rows.filter(answered), inputs.filter(answered)
        if not len(rows):
            return []
        at_s = rows["predicted_at"].cast(pa.int64()).to_numpy() // 1_000_000
        group, names = groups(at_s - at_s % _HOUR_S, model_version=Codes.versions(rows))
        columns = {name: inputs[name] for name in inputs.column_names if name != self._without}
        counted = []
        for column, values in (columns | {PREDICTION: rows[PREDICTION]}).items():
            is_number = pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
            parts = (_numbers if is_number else _texts)(values, group, len(names))
            for name, counts in zip(names, parts, strict=True):
                about = name | {"column_name": column}
                few = counts if is_number else self._few(tuple(about.values()), counts)
                counted.append(about | {"is_number": is_number, "counts": few})
        return counted

    def _few(self, key: tuple[str, ...], counts: dict[str, int]) -> dict[str, int]:
        """Count what exceeds the categories of an hour as `OTHER`."""
        if len(self._known) > _MAX_REMEMBERED:
            self._known.clear()
        known = self._known.setdefault(key, set())
        new = sorted(counts.keys() - known, key=lambda name: (-counts[name], name))
        known.update(new[: max(MAX_CATEGORIES - len(known), 0)])
        few = {name: n for name, n in counts.items() if name in known}
        rest = sum(counts.values()) - sum(few.values())
        return few | ({OTHER: few.get(OTHER, 0) + rest} if rest else {})


def _numbers(
    values: pa.ChunkedArray, group: NDArray[np.int64], groups: int
) -> list[dict[str, int]]:
    numbers = values.cast(pa.float64()).to_numpy()
    known = np.isfinite(numbers)
    codes = np.full(len(numbers), _BINS)
    codes[known] = bins(numbers[known]) + _LAST_BIN
    return [
        {
            MISSING if code == _BINS else bin_name(code - _LAST_BIN): rows
            for code, rows in part.items()
        }
        for part in _tally(codes, group, groups, _BINS + 1)
    ]


def _texts(values: pa.ChunkedArray, group: NDArray[np.int64], groups: int) -> list[dict[str, int]]:
    encoded = values.cast(pa.string()).combine_chunks().dictionary_encode("encode")
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy().astype(np.int64)
    return [
        merge_categories((names[code] for code in part), part.values())
        for part in _tally(codes, group, groups, len(names))
    ]


def _tally(
    codes: NDArray[np.int64], group: NDArray[np.int64], groups: int, size: int
) -> list[dict[int, int]]:
    """How often each code below `size` comes in each group."""
    cells = group * size + codes
    if groups * size <= _DENSE * len(cells):
        rows = np.bincount(cells)
        present = np.flatnonzero(rows)
        rows = rows[present]
    else:
        present, rows = np.unique(cells, return_counts=True)
    parts: list[dict[int, int]] = [{} for _ in range(groups)]
    for cell, n in zip(present.tolist(), rows.tolist(), strict=True):
        parts[cell // size][cell % size] = n
    return parts
