"""What `/drift` answers: each logged column beside the model's profile and the time before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from revenue_model.prediction_log.category import MISSING
from revenue_model.sidecar.registry import NoProfile, Registry, RegistryUnavailable
from revenue_model.sidecar.reports.drift import VERDICTS, Drift, Verdict, compare, worst
from revenue_model.sidecar.store.database import Database

WINDOW = "^[1-9][0-9]{0,2}[hd]$"


class ColumnDrift(BaseModel):
    """The verdict is that of the reference, without one that of the time before."""

    column: str
    is_number: bool
    verdict: Verdict
    reference: Drift | None
    before: Drift | None


class CountedWindow(BaseModel):
    """The answered predictions of one model version from `start` to `end`, UTC."""

    start: datetime
    end: datetime
    model_version: str | None
    rows: int


class DriftReport(BaseModel):
    """Whether what is asked of the model still is what it was trained on."""

    verdict: Verdict
    window: CountedWindow
    before: CountedWindow
    reference_rows: int | None = Field(description="training installs in the model's profile")
    reference_problem: str | None = Field(description="why there is no profile")
    columns: list[ColumnDrift] = Field(description="the worst first")


class Columns:
    """The counts of each column in a window of one model version."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            self._rows.setdefault(row["column_name"], []).append(row)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def is_number(self, name: str) -> bool | None:
        """What most of its values are; None where all are missing."""
        known = [row for row in self._rows.get(name, ()) if row["value"] != MISSING]
        numbers = sum(row["rows"] for row in known if row["is_number"])
        return 2 * numbers > sum(row["rows"] for row in known) if known else None

    def counts(self, name: str, *, is_number: bool) -> dict[str, int]:
        """Of a number, texts count as missing."""
        counts: dict[str, int] = {}
        for row in self._rows.get(name, ()):
            value = MISSING if is_number and not row["is_number"] else row["value"]
            counts[value] = counts.get(value, 0) + row["rows"]
        return counts


def length(window: str) -> timedelta:
    """A window as it is asked for.

    >>> length("7d").days, length("12h").seconds
    (7, 43200)
    """
    number = int(window[:-1])
    return timedelta(days=number) if window.endswith("d") else timedelta(hours=number)


def counted(
    database: Database, end: datetime, window: timedelta, version: str | None
) -> tuple[CountedWindow, Columns]:
    """The window before `end` of `version`, else of the version with the most predictions."""
    start = end - window
    found = database.rows("column_versions", start=start, end=end, version=version)
    [about] = found or [{"model_version": version, "rows": 0}]
    window_of_version = CountedWindow(start=start, end=end, **about)
    rows = database.rows("columns", start=start, end=end, version=about["model_version"])
    return window_of_version, Columns(rows)


def examine(
    database: Database,
    registry: Registry,
    end: datetime,
    window: timedelta,
    version: str | None,
) -> DriftReport:
    """Raises `psycopg2.Error`; without the registry the report is of the logs alone."""
    here = counted(database, end, window, version)
    before = counted(database, end - window, window, version)
    profile, problem = None, None
    try:
        if here[0].rows and here[0].model_version:
            profile = registry.profile(here[0].model_version)
    except (NoProfile, RegistryUnavailable) as error:
        problem = str(error)
    known = database.rows("segments", version=here[0].model_version)
    return report(here, before, profile, problem, {row["name"] for row in known})


def report(
    window: tuple[CountedWindow, Columns],
    before: tuple[CountedWindow, Columns],
    profile: Mapping[str, Any] | None,
    problem: str | None,
    segments: Collection[str],
) -> DriftReport:
    """Compare each column of the window with the profile and with the time before."""
    now, then = window[1], before[1]
    known = profile["columns"] if profile else {}
    columns = []
    for name in now:
        # Another version may have taken a number for a category.
        is_number = bool(known[name]["is_number"] if name in known else now.is_number(name))
        alike = then.is_number(name) in (is_number, None)
        others = (
            known[name]["counts"] if name in known else {},
            then.counts(name, is_number=is_number) if alike else {},
        )
        counts = now.counts(name, is_number=is_number)
        reference, past = (
            compare(counts, other, is_number=is_number, segment=name in segments)
            for other in others
        )
        best = reference or past
        columns.append(
            ColumnDrift(
                column=name,
                is_number=is_number,
                verdict=best.verdict if best else "none",
                reference=reference,
                before=past,
            )
        )
    columns.sort(key=lambda column: (-VERDICTS.index(column.verdict), column.column))
    return DriftReport(
        verdict=worst(column.verdict for column in columns),
        window=window[0],
        before=before[0],
        reference_rows=profile["rows"] if profile else None,
        reference_problem=problem,
        columns=columns,
    )
