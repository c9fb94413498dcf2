"""Sums of predictions by hour and day, model version and segment value.

They are what `/stats` answers from: as many as there are hours and segment values, however
many predictions there were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from revenue_model.prediction_log.binning import MAX_CHARACTERS
from revenue_model.prediction_log.reader import segment_column
from revenue_model.sidecar.store.histogram import INFERENCE_TIME, REVENUE, ZERO_REVENUE

SHADOW = "(shadow)"  # in this segment rows are counted that answered nobody
_PERIODS_S = {"hour": 3600, "day": 86400}


def count(rows: pa.Table, segments: tuple[str, ...]) -> list[dict[str, Any]]:
    """What `rows` add to the table `prediction_counts`.

    Rows of the status shadow count in the segment `SHADOW` and nowhere else. `rows` has the
    columns `predicted_at` in microseconds, `model_version`, `predicted_revenue` (null where
    the prediction failed), `inference_time_ms`, `status`, and the `segment_column` of each of
    `segments`, which holds categories.
    """
    shadow = pc.fill_null(pc.equal(rows["status"], "shadow"), False)
    answered = _count(rows.filter(pc.invert(shadow)), ("", *segments))
    return answered + _count(rows.filter(shadow), (SHADOW,))


def _count(rows: pa.Table, segments: tuple[str, ...]) -> list[dict[str, Any]]:
    if not len(rows):
        return []
    measures = _Measures.of(rows)
    at = measures.at // 1_000_000
    versions = _Codes.of(rows["model_version"]).merged(lambda name: str(name)[:MAX_CHARACTERS])
    counted: list[dict[str, Any]] = []
    for segment in segments:
        values = (
            _Codes(np.zeros(len(rows), np.int64), [""])
            if segment in ("", SHADOW)
            else _Codes.of(rows[segment_column(segment)])
        )
        for period, seconds in _PERIODS_S.items():
            fixed = {"period": period, "segment": segment, "dropped": 0}
            groups = _groups(at - at % seconds, versions, values)
            counted += [fixed | group | sums for group, sums in measures.sums(*groups)]
    return counted


def count_dropped(rows: int, model_version: str) -> list[dict[str, Any]]:
    """What `rows` dropped rows add, counted now: when each was dropped is not known."""
    now_s = int(datetime.now(UTC).timestamp())
    return [
        {
            "period": period,
            "segment": "",
            "starts_at": _iso(now_s - now_s % seconds),
            "model_version": model_version[:MAX_CHARACTERS],
            "value": "",
            "dropped": rows,
            "predictions": 0,
            "failures": 0,
            "zeros": 0,
            "revenue": 0.0,
            "inference_time_ms": 0.0,
            "revenue_histogram": "0",
            "inference_histogram": "0",
        }
        for period, seconds in _PERIODS_S.items()
    ]


@dataclass(frozen=True)
class _Codes:
    """A column as numbers, and what each stands for."""

    numbers: NDArray[np.int64]
    values: list[Any]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode("encode")
        encoded = column.unify_dictionaries().combine_chunks()
        return cls(encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist())

    def merged(self, name: Callable[[str | None], str]) -> Self:
        """The same where values of the same `name` are one."""
        places: dict[str, int] = {}
        place = [places.setdefault(name(value), len(places)) for value in self.values]
        return type(self)(np.array(place, np.int64)[self.numbers], list(places))


@dataclass(frozen=True)
class _Measures:
    """What is summed up: a number a row."""

    at: NDArray[np.int64]  # microseconds since 1970
    answered: NDArray[np.bool_]
    revenue: NDArray[np.float64]  # NaN where failed
    inference_time_ms: NDArray[np.float64]

    @classmethod
    def of(cls, rows: pa.Table) -> Self:
        revenue = rows["predicted_revenue"].to_numpy()
        at = rows["predicted_at"].cast(pa.int64()).to_numpy()
        return cls(at, ~np.isnan(revenue), revenue, rows["inference_time_ms"].to_numpy())

    def sums(
        self, group: NDArray[np.int64], names: list[dict[str, str]]
    ) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """Each group's name and sums; `group` is the number of the group of each row."""
        size, ok = len(names), self.answered
        of, revenue, took = group[ok], self.revenue[ok], self.inference_time_ms[ok]
        lowest, highest = np.full(size, np.inf), np.full(size, -np.inf)
        np.minimum.at(lowest, of, revenue)
        np.maximum.at(highest, of, revenue)
        first, last = np.full(size, 2**62), np.full(size, -(2**62))
        np.minimum.at(first, group, self.at)
        np.maximum.at(last, group, self.at)
        predictions = np.bincount(of, minlength=size)
        failures = np.bincount(group, minlength=size) - predictions
        zeros = np.bincount(of, revenue < ZERO_REVENUE, size)
        money, times = np.bincount(of, revenue, size), np.bincount(of, took, size)
        revenue_histogram = REVENUE.count(of, revenue, size)
        inference_histogram = INFERENCE_TIME.count(of, took, size)
        for i, name in enumerate(names):
            yield (
                name,
                {
                    "predictions": int(predictions[i]),
                    "failures": int(failures[i]),
                    "zeros": int(zeros[i]),
                    "revenue": float(money[i]),
                    "least_revenue": float(lowest[i]) if predictions[i] else None,
                    "most_revenue": float(highest[i]) if predictions[i] else None,
                    "inference_time_ms": float(times[i]),
                    "first_at": _iso(int(first[i]) / 1e6),
                    "last_at": _iso(int(last[i]) / 1e6),
                    "revenue_histogram": REVENUE.pack(revenue_histogram[i]),
                    "inference_histogram": INFERENCE_TIME.pack(inference_histogram[i]),
                },
            )


def _groups(
    starts_at: NDArray[np.int64], versions: _Codes, values: _Codes
) -> tuple[NDArray[np.int64], list[dict[str, str]]]:
    """The number of each row's group, and the groups' names."""
    starts, start = np.unique(starts_at, return_inverse=True)
    shape = (len(starts), len(versions.values), len(values.values))
    keys = np.ravel_multi_index((start, versions.numbers, values.numbers), shape)
    present, group = np.unique(keys, return_inverse=True)
    names = [
        {
            "starts_at": _iso(int(starts[s])),
            "model_version": versions.values[version],
            "value": values.values[value],
        }
        for s, version, value in zip(*np.unravel_index(present, shape), strict=True)
    ]
    return group, names


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
