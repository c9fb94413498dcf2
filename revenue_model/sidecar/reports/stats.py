"""What was predicted in a window of time, answered from the counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np

from revenue_model.sidecar.reports.stats_bodies import (
    Bucket,
    Compared,
    Group,
    Realised,
    SegmentColumn,
    SegmentCount,
    Stats,
)
from revenue_model.sidecar.store.database import Database, Rows
from revenue_model.sidecar.store.histogram import INFERENCE_TIME, REVENUE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_FIRST = datetime.min.replace(tzinfo=UTC)
_DEFAULT_WINDOW = timedelta(days=30)
_TOP = 10
_REVENUE_QUANTILES = {"p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
_TIME_QUANTILES = {"p50": 0.5, "p99": 0.99}
BY_TIME = ("model_version", "day", "hour")  # groups that are no segment column


def utc(moment: datetime) -> datetime:
    """In UTC, which it is taken for where it names no zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def floor(moment: datetime, unit: timedelta) -> datetime:
    """The start of the hour or day that `moment` is in."""
    return moment - (moment - _FIRST) % unit


def ceiling(moment: datetime, unit: timedelta) -> datetime:
    """The end of it, or `moment` itself at a start. Raises `OverflowError` after year 9999."""
    return _FIRST - (_FIRST - moment) // unit * unit


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


class UnknownGroup(ValueError):
    """What is asked for is no segment column, nor a unit of time, nor the version."""


def statistics(
    database: Database, window: Window, group_by: str | None, limit: int, now: datetime
) -> Stats:
    """Raises `UnknownGroup`, and `psycopg2.Error` when the database does not answer."""
    bounds = window.bounds(hourly=False, now=now)
    with database.reading() as rows:
        names = [row["name"] for row in rows("segments", version=None)]
        # Of a log that names no columns yet there is nothing to group.
        if group_by and names and group_by not in (*names, *BY_TIME):
            raise UnknownGroup(f"is one of {', '.join((*names, *BY_TIME))}")
        totals = rows("groups", segment="", group=None, **bounds)
        grouped = _grouped(rows, window, group_by, now) if group_by else []
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        others = [name for name in names if name != group_by]
        for row in rows("segment_values", segments=others, **bounds):
            found[row["segment"]].append(row)
        if group_by in found:
            found[group_by] = grouped
        counts = _counts(totals)[0] if totals else {"predictions": 0}
        shown = grouped[-limit:] if group_by in ("day", "hour") else grouped[:limit]
        return Stats(
            **counts,
            total_predictions=counts["predictions"],
            start=window.start,
            end=window.end,
            revenue_distribution=_distribution(totals),
            **_segments(found),
            group_by=group_by,
            groups=[
                Group(value=row["value"], **fields)
                for row, fields in zip(shown, _counts(shown), strict=True)
            ],
            realised=[Realised(**row) for row in rows("realised")],
            compared=[Compared(**row) for row in rows("compared")],
        )


def _segments(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The fields of `Stats` about the values of each segment column."""

    def named(word: str) -> list[dict[str, Any]]:
        return next((rows for name, rows in found.items() if word in name.casefold()), [])

    return {
        "segments": [
            SegmentColumn(name=name, values=len(rows), top=_top(rows))
            for name, rows in found.items()
        ],
        "platform_distribution": {row["value"]: row["predictions"] for row in named("platform")},
        "top_countries": _top(named("country")),
    }


def _top(rows: list[dict[str, Any]]) -> list[SegmentCount]:
    return [
        SegmentCount(
            value=row["value"],
            predictions=row["predictions"],
            sum_predicted_revenue=row["revenue"],
            mean_predicted_revenue=_ratio(row["revenue"], row["predictions"]),
        )
        for row in rows[:_TOP]
    ]


def _distribution(totals: list[dict[str, Any]]) -> list[Bucket]:
    if not totals:
        return []
    [counts] = REVENUE.unpack([totals[0]["revenue_histogram"]])
    bounds = [0.0, *REVENUE.bounds.tolist()]
    filled = np.flatnonzero(counts).tolist() or [0]
    return [
        Bucket(least_revenue=bounds[i], predictions=int(counts[i]))
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
    lowest, highest = np.array(extremes, np.float64).reshape(-1, 2, 1).swapaxes(0, 1)
    # A quantile is a guess within a bucket, but not outside what was predicted.
    revenues = REVENUE.quantiles(revenue, list(_REVENUE_QUANTILES.values()))
    times = INFERENCE_TIME.quantiles(took, list(_TIME_QUANTILES.values()))
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
            "predicted_revenue_quantiles": _named(_REVENUE_QUANTILES, revenue_quantiles),
            "zero_share": _ratio(row["zeros"], row["predictions"]),
            "mean_inference_time_ms": _ratio(row["inference_time_ms"], row["predictions"]),
            "inference_time_ms_quantiles": _named(_TIME_QUANTILES, time_quantiles),
        }
        for row, revenue_quantiles, time_quantiles in zip(
            found, revenues.clip(lowest, highest).tolist(), times.tolist(), strict=True
        )
    ]


def _named(quantiles: Mapping[str, float], values: list[float]) -> dict[str, float | None]:
    """Null when nothing was counted."""
    named = zip(quantiles, values, strict=True)
    return {name: None if math.isnan(value) else value for name, value in named}


def _ratio(part: float, whole: int) -> float | None:
    return float(part) / whole if whole else None
