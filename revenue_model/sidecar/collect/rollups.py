"""Sums of predictions by hour and day, model version and segment value.

They are what `/stats` answers from: as many as there are hours and segment values, however
many predictions there were.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    versions = Codes.versions(rows)
    counted: list[dict[str, Any]] = []
    for segment in segments:
        values = (
            Codes(np.zeros(len(rows), np.int64), [""])
            if segment in ("", SHADOW)
            else Codes.of(rows[segment_column(segment)])
        )
        for period, seconds in _PERIODS_S.items():
            fixed = {"period": period, "segment": segment, "dropped": 0}
            group, names = groups(at - at % seconds, model_version=versions, value=values)
            counted += [fixed | sums for sums in measures.sums(group, names)]
    return counted


def count_dropped(rows: int, model_version: str) -> list[dict[str, Any]]:
    """What `rows` dropped rows add, counted now: when each was dropped is not known."""
    now_s = int(datetime.now(UTC).timestamp())
    sums = ("predictions", "failures", "zeros", "revenue", "inference_time_ms")
    nothing = dict.fromkeys((*sums, "revenue_histogram", "inference_histogram"), 0)
    version = model_version[:MAX_CHARACTERS]
    about = {"segment": "", "value": "", "model_version": version, "dropped": rows}
    return [
        nothing | about | {"period": period, "starts_at": _iso(now_s - now_s % seconds)}
        for period, seconds in _PERIODS_S.items()
    ]


@dataclass(frozen=True)
class Codes:
    """A column as numbers, and what each stands for."""

    numbers: NDArray[np.int64]
    values: list[Any]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode("encode")
        encoded = column.unify_dictionaries().combine_chunks()
        return cls(encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist())

    @classmethod
    def versions(cls, rows: pa.Table) -> Self:
        """The model versions, cut; those that are then the same are one."""
        found = cls.of(rows["model_version"])
        places: dict[str, int] = {}
        names = (str(name)[:MAX_CHARACTERS] for name in found.values)
        place = [places.setdefault(name, len(places)) for name in names]
        return cls(np.array(place, np.int64)[found.numbers], list(places))


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
    ) -> Iterator[dict[str, Any]]:
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
            yield name | {
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
            }


def groups(
    starts_at: NDArray[np.int64], **columns: Codes
) -> tuple[NDArray[np.int64], list[dict[str, str]]]:
    """The number of each row's group, and each group's start and value of each column."""
    starts, start = np.unique(starts_at, return_inverse=True)
    codes = Codes(start, [_iso(second) for second in starts.tolist()])
    columns = {"starts_at": codes} | columns
    shape = tuple(len(column.values) for column in columns.values())
    keys = np.ravel_multi_index([column.numbers for column in columns.values()], shape)
    present, group = np.unique(keys, return_inverse=True)
    values = [
        [column.values[number] for number in numbers.tolist()]
        for column, numbers in zip(columns.values(), np.unravel_index(present, shape), strict=True)
    ]
    return group, [dict(zip(columns, each, strict=True)) for each in zip(*values, strict=True)]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
