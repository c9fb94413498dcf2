"""/stats against what SQL says of the single predictions, and its histograms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.reports.stats import Window, statistics
from revenue_model.sidecar.store.database import Database
from revenue_model.sidecar.store.histogram import INFERENCE_TIME, REVENUE
from tests.sidecar.conftest import Writer, query

Make = Callable[..., Writer]
HOUR = timedelta(hours=1)


@pytest.fixture
def moments() -> list[datetime]:
    """Moments of the last 40 days, dense around midnight and now."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [0.0, 0.5, 1, 2, 23.5, 24.5, 30, 49, 100, 500, 900]
    ends = [midnight - timedelta(microseconds=1), midnight, midnight - timedelta(days=3)]
    return [now - timedelta(hours=h) for h in hours] + ends


@pytest.fixture
def filled(
    database: Database,
    collector: Collector,
    writer: Make,
    moments: list[datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> Database:
    """A database with predictions and failures of two versions at each of `moments`."""
    rng = np.random.default_rng(5)
    writers = [writer("1"), writer("2")]
    for number, moment in enumerate(moments):
        at_ns = int(moment.timestamp() * 1e6) * 1000
        monkeypatch.setattr("time.time_ns", lambda at=at_ns: at)
        one = writers[number % 2]
        one.log(rng.lognormal(0, 3, 4).tolist(), country=["us", "PE ", ""][number % 3])
        one.fail("refused")
    monkeypatch.undo()
    while collector.collect():
        pass
    return database


@pytest.mark.parametrize("hours_back", [1, 5, 26, 80, 24 * 10, 24 * 60])
@pytest.mark.parametrize("hours_end", [0, 3, 24])
def test_a_window_counts_what_lies_in_it(filled: Database, hours_back: int, hours_end: int) -> None:
    now = datetime.now(UTC)
    end = now - hours_end * HOUR
    window = Window.of(end - hours_back * HOUR, end, now)
    stats = statistics(filled, window, None, 10, now)
    [(count, total, least, most, first, last, failed)] = query(
        filled,
        "SELECT count(predicted_revenue), coalesce(sum(predicted_revenue), 0), "
        "min(predicted_revenue), max(predicted_revenue), min(predicted_at), "
        "max(predicted_at), count(error) FROM predictions "
        f"WHERE predicted_at >= '{window.start}' AND predicted_at < '{window.end}'",
    )
    assert (stats.total_predictions, stats.failed) == (count, failed)
    assert stats.sum_predicted_revenue == pytest.approx(total)
    assert (stats.min_predicted_revenue, stats.max_predicted_revenue) == (least, most)
    assert (stats.first_prediction, stats.last_prediction) == (first, last)


@pytest.mark.parametrize(
    ("group_by", "column"),
    [
        ("country", "coalesce(nullif(lower(trim(inputs->>'country')), ''), '(missing)')"),
        ("model_version", "model_version"),
        ("day", "to_char(predicted_at, 'YYYY-MM-DD')"),
        ("hour", 'to_char(predicted_at, \'YYYY-MM-DD"T"HH24:00"Z"\')'),
    ],
)
def test_groups_are_what_sql_groups(filled: Database, group_by: str, column: str) -> None:
    now = datetime.now(UTC)
    window = Window.of(now - timedelta(days=60), now, now)
    stats = statistics(filled, window, group_by, 1000, now)
    wanted = query(
        filled,
        f"SELECT {column}, count(predicted_revenue), count(error) FROM predictions GROUP BY 1",
    )
    found = [(group.value, group.predictions, group.failed) for group in stats.groups]
    assert sorted(found) == sorted(wanted)


def test_the_limit_keeps_the_largest_groups_and_the_latest_days(
    filled: Database, moments: list[datetime]
) -> None:
    now = datetime.now(UTC)
    window = Window.of(now - timedelta(days=60), now, now)
    countries = statistics(filled, window, "country", 1, now).groups
    assert countries == statistics(filled, window, "country", 9, now).groups[:1]
    days = statistics(filled, window, "day", 2, now).groups
    assert days == statistics(filled, window, "day", 99, now).groups[-2:]
    assert days[-1].value == f"{max(moments):%Y-%m-%d}"  # yesterday if midnight just passed


def test_by_default_the_last_30_days_are_asked_for() -> None:
    now = datetime(2026, 5, 31, 12, 30, tzinfo=UTC)
    window = Window.of(None, None, now)
    assert window.start == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert window.end == datetime(2026, 5, 31, 13, tzinfo=UTC)


def test_a_moment_without_zone_is_utc() -> None:
    now = datetime(2026, 5, 31, tzinfo=UTC)
    window = Window.of(datetime(2026, 5, 1), datetime(2026, 5, 2), now)
    assert window.start == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_window_backwards_is_refused() -> None:
    now = datetime(2026, 5, 31, tzinfo=UTC)
    with pytest.raises(ValueError, match="must be before end"):
        Window.of(now, now - HOUR, now)


@given(values=st.lists(st.floats(0.005, 99_000), min_size=30, max_size=300))
def test_a_quantile_is_within_a_bucket_of_the_true_one(values: list[float]) -> None:
    revenue = np.array(values)
    groups = np.zeros(len(values), np.int64)
    counts = REVENUE.count(groups, revenue, 1)
    for share in (0.25, 0.5, 0.9, 0.99):
        true = float(np.quantile(revenue, share, method="inverted_cdf"))
        [[found]] = REVENUE.quantiles(counts, [share])
        width = REVENUE.bounds[1] / REVENUE.bounds[0]
        assert true / width * (1 - 1e-9) <= found <= true * width * (1 + 1e-9)


def test_quantiles_at_the_ends_are_zero_and_the_last_bound() -> None:
    counts = np.zeros((3, INFERENCE_TIME.buckets), np.int64)
    counts[1:, 0] = 1
    counts[2, -1] = 9
    [[nothing], [first], [last]] = INFERENCE_TIME.quantiles(counts, [0.5])
    assert np.isnan(nothing)
    assert (first, last) == (0.0, INFERENCE_TIME.high)


@given(
    counts=st.lists(
        st.lists(st.integers(0, 10**10), min_size=40, max_size=40), min_size=1, max_size=9
    )
)
def test_packed_histograms_add_up_by_adding_numbers(counts: list[list[int]]) -> None:
    total = sum(int(INFERENCE_TIME.pack(np.array(each))) for each in counts)
    assert INFERENCE_TIME.unpack([str(total)]).tolist() == [np.sum(counts, axis=0).tolist()]


def test_no_quantile_lies_outside_what_was_predicted(
    database: Database, collector: Collector, writer: Make
) -> None:
    writer("1").log([0.1689] * 6)
    collector.collect()
    now = datetime.now(UTC)
    stats = statistics(database, Window.of(None, None, now + HOUR), None, 10, now)
    assert set(stats.predicted_revenue_quantiles.values()) == {0.1689}


def test_without_predictions_there_is_no_mean(database: Database, folder: Path) -> None:
    now = datetime.now(UTC)
    stats = statistics(database, Window.of(None, None, now), "country", 5, now)
    assert (stats.total_predictions, stats.mean_predicted_revenue, stats.groups) == (
        0,
        None,
        [],
    )
