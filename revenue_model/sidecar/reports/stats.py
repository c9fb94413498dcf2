"""What was predicted in a window of time, answered from the counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from revenue_model.sidecar.reports.time_buckets import DAY, HOUR, ceiling, floor, utc
from revenue_model.sidecar.store.database import Database, Rows
from revenue_model.sidecar.store.histogram import INFERENCE_TIME, REVENUE, Histogram

_DEFAULT_WINDOW = timedelta(days=30)
_TOP = 10
_REVENUE_PERCENTS = (25, 50, 75, 90, 99)
_TIME_PERCENTS = (50, 99)
BY_TIME = ("model_version", "day", "hour")  # groups that are no segment column


class Counts(BaseModel):
    """Predictions counted together. Money is USD; without predictions there is no mean."""

    predictions: int = Field(default=0, description="answered rows")
    failed: int = Field(default=0, description="rows of requests that were refused or failed")
    dropped: int = Field(
        default=0,
        description="rows that could not be logged; counted by model version and time only",
    )
    first_prediction: datetime | None = None
    last_prediction: datetime | None = None
    sum_predicted_revenue: float = 0.0
    mean_predicted_revenue: float | None = None
    min_predicted_revenue: float | None = None
    max_predicted_revenue: float | None = None
    predicted_revenue_quantiles: dict[str, float | None] = Field(
        default={}, description="p25 to p99, from a histogram: right to about 15%"
    )
    zero_share: float | None = Field(default=None, description="below half a cent")
    mean_inference_time_ms: float | None = Field(
        default=None, description="of the whole request"
    )
    inference_time_ms_quantiles: dict[str, float | None] = Field(
        default={}, description="p50 and p99, from a histogram"
    )


class Group(Counts):
    """The predictions of one value of what was grouped by."""

    value: str


class SegmentCount(BaseModel):
    """Predictions for one value of a segment column."""

    value: str
    predictions: int
    sum_predicted_revenue: float
    mean_predicted_revenue: float | None


class Bucket(BaseModel):
    """Predictions of at least `least_revenue` and less than the next bucket's."""

    least_revenue: float
    predictions: int


class Realised(BaseModel):
    """What one version's predictions were worth. Money only of matured, labelled installs."""

    model_version: str
    installs: int = Field(description="users with a prediction of this version")
    matured: int = Field(description="whose 7 days are over")
    labelled: int = Field(description="matured and with a label: what the rest is about")
    matured_share: float
    predicted_sum: float
    real_sum: float
    bias: float | None = Field(description="predicted / real; 1 is unbiased")
    bias_low: float | None = Field(description="95% interval; null below 30 installs")
    bias_high: float | None
    mae: float | None
    gini: float | None = Field(description="normalized; 1 orders installs as their revenue")
    with_interval: int = Field(description="labelled installs whose interval was logged")
    coverage: float | None = Field(description="of these, the share inside it")
    as_of: datetime


class Compared(BaseModel):
    """A version beside another that was asked at the same time. Intervals are of 95%.

    `against_` is of the other version. Bias and MAE are of matured, labelled installs; null
    is what there are too few for, 30 of each version for an interval.
    """

    same_installs: bool = Field(
        description="both predicted each install, one in shadow; else each a share of users"
    )
    model_version: str
    against_version: str
    since: datetime
    until: datetime
    installs: int
    against_installs: int
    predicted_mean: float | None
    against_predicted_mean: float | None
    predicted_ratio: float | None = Field(description="of the means")
    predicted_ratio_low: float | None
    predicted_ratio_high: float | None
    labelled: int
    against_labelled: int
    bias: float | None = Field(description="predicted / real; 1 is unbiased")
    bias_low: float | None
    bias_high: float | None
    against_bias: float | None
    against_bias_low: float | None
    against_bias_high: float | None
    mae: float | None
    against_mae: float | None
    mae_difference: float | None = Field(description="below 0 this version is the better one")
    mae_difference_low: float | None
    mae_difference_high: float | None
    as_of: datetime


class Stats(Counts):
    """What was predicted from `start` to `end`. Times are UTC."""

    total_predictions: int
    start: datetime
    end: datetime
    platform_distribution: dict[str, int]
    revenue_distribution: list[Bucket] = Field(description="USD, growing by a constant factor")
    top_countries: list[SegmentCount]
    group_by: str | None = None
    groups: list[Group] = Field(
        default=[], description="largest first; days and hours in order"
    )
    realised: list[Realised] = Field(
        default=[], description="by version, of all installs in the log, not of the window"
    )
    compared: list[Compared] = Field(
        default=[], description="versions side by side, of all installs in the log"
    )


@dataclass(frozen=True)
class Window:
    """From `start` to before `end`, both on the hour, UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, start: datetime | None, end: datetime | None, now: datetime) -> Self:
        """The window around what is asked for, the last 30 days by default.

        Raises `ValueError` when it is backwards, `OverflowError` at the ends of time.
        """
        last = now if end is None else utc(end)
        first = last - _DEFAULT_WINDOW if start is None else utc(start)
        if first >= last:
            raise ValueError("must be before end")
        ceiling(last, DAY)  # as far as `bounds` goes
        return cls(floor(first, HOUR), ceiling(last, HOUR))

    def bounds(self, *, hourly: bool, now: datetime) -> dict[str, datetime]:
        """Which part is read from the daily counts, the rest is from the hourly ones."""
        end = max(ceiling(now, DAY), self.start) if self.end > now else self.end
        days_from, days_to = ceiling(self.start, DAY), floor(end, DAY)
        if hourly or days_from >= days_to:
            days_from = days_to = end
        return {"start": self.start, "end": end, "days_from": days_from, "days_to": days_to}


def statistics(
    database: Database, window: Window, group_by: str | None, limit: int, now: datetime
) -> Stats:
    """Raises `psycopg2.Error` when the database does not answer."""
    bounds = window.bounds(hourly=False, now=now)
    with database.reading() as rows:
        totals = rows("groups", segment="", group=None, **bounds)
        grouped = _grouped(rows, window, group_by, now) if group_by else []

        def frequencies(segment: str) -> list[dict[str, Any]]:
            if segment == group_by:
                return grouped
            return rows("frequencies", segment=segment, **bounds)

        counts = _counts(totals)[0] if totals else {"predictions": 0}
        shown = grouped[-limit:] if group_by in ("day", "hour") else grouped[:limit]
        return Stats(
            **counts,
            total_predictions=counts["predictions"],
            start=window.start,
            end=window.end,
            revenue_distribution=_distribution(totals),
            platform_distribution={
                row["value"]: row["predictions"] for row in frequencies("platform")
            },
            top_countries=[
                SegmentCount(
                    value=row["value"],
                    predictions=row["predictions"],
                    sum_predicted_revenue=row["revenue"],
                    mean_predicted_revenue=_ratio(row["revenue"], row["predictions"]),
                )
                for row in frequencies("country")[:_TOP]
            ],
            group_by=group_by,
            groups=[
                Group(value=row["value"], **fields)
                for row, fields in zip(shown, _counts(shown), strict=True)
            ],
            realised=[Realised(**row) for row in rows("realised")],
            compared=[Compared(**row) for row in rows("compared")],
        )


def _distribution(totals: list[dict[str, Any]]) -> list[Bucket]:
    if not totals:
        return []
    [counts] = REVENUE.unpack([totals[0]["revenue_histogram"]])
    least = [0.0, *REVENUE.bounds.tolist()]
    filled = np.flatnonzero(counts).tolist() or [0]
    return [
        Bucket(least_revenue=least[i], predictions=int(counts[i]))
        for i in range(filled[0], filled[-1] + 1)
    ]


def _grouped(rows: Rows, window: Window, group_by: str, now: datetime) -> list[dict[str, Any]]:
    """Days and hours in order, other groups the largest first."""
    segment = "" if group_by in BY_TIME else group_by
    bounds = window.bounds(hourly=group_by == "hour", now=now)
    found = rows("groups", segment=segment, group=group_by, **bounds)
    if group_by in ("day", "hour"):
        return sorted(found, key=lambda row: row["value"])
    return sorted(found, key=lambda row: (-row["predictions"], row["value"]))


def _counts(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The fields of `Counts`, for each row found."""
    revenue = REVENUE.unpack([row["revenue_histogram"] for row in found])
    took = INFERENCE_TIME.unpack([row["inference_histogram"] for row in found])
    extremes = [(row["least_revenue"], row["most_revenue"]) for row in found]
    least, most = np.array(extremes, np.float64).reshape(-1, 2, 1).swapaxes(0, 1)
    # A quantile is a guess within a bucket, but not outside what was predicted.
    revenues = _quantiles(REVENUE, revenue, _REVENUE_PERCENTS).clip(least, most)
    times = _quantiles(INFERENCE_TIME, took, _TIME_PERCENTS)
    return [
        {
            "predictions": row["predictions"],
            "failed": row["failures"],
            "dropped": row["dropped"],
            "first_prediction": row["first_at"],
            "last_prediction": row["last_at"],
            "sum_predicted_revenue": row["revenue"],
            "mean_predicted_revenue": _ratio(row["revenue"], row["predictions"]),
            "min_predicted_revenue": row["least_revenue"],
            "max_predicted_revenue": row["most_revenue"],
            "predicted_revenue_quantiles": _by_percent(_REVENUE_PERCENTS, revenue_quantiles),
            "zero_share": _ratio(row["zeros"], row["predictions"]),
            "mean_inference_time_ms": _ratio(row["inference_time_ms"], row["predictions"]),
            "inference_time_ms_quantiles": _by_percent(_TIME_PERCENTS, time_quantiles),
        }
        for row, revenue_quantiles, time_quantiles in zip(
            found, revenues.tolist(), times.tolist(), strict=True
        )
    ]


def _quantiles(
    histogram: Histogram, counts: NDArray[np.int64], percents: Sequence[int]
) -> NDArray[np.float64]:
    return histogram.quantiles(counts, [percent / 100 for percent in percents])


def _by_percent(percents: Sequence[int], values: Sequence[float]) -> dict[str, float | None]:
    return {
        f"p{percent}": None if math.isnan(value) else value
        for percent, value in zip(percents, values, strict=True)
    }


def _ratio(part: float, whole: int) -> float | None:
    return float(part) / whole if whole else None
