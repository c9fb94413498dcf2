"""Drift: the sizes of simulated shifts, and what the sidecar says of logged ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from revenue_model.data.reference_profile import reference_profile
from revenue_model.data.simulate import simulated_table
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.binning import OTHER, bin_name, bins
from revenue_model.sidecar.app import create_app
from revenue_model.sidecar.collect import value_counts as columns
from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.reports.drift import Drift, compare, worst
from revenue_model.sidecar.reports.drift_report import Columns, CountedWindow, report
from revenue_model.sidecar.settings import Settings
from revenue_model.sidecar.store.database import Database
from tests.sidecar.conftest import Writer, query
from tests.sidecar.test_app import model_server, settings, wait_for_predictions  # noqa: F401

NOW = datetime(2026, 5, 1, tzinfo=UTC)
Make = Callable[..., Writer]
Profile = dict[str, Any]
SEEDS, WEEK, REFERENCE = 20, 20_000, 100_000


@pytest.fixture(scope="module")
def table(schema: Schema) -> pd.DataFrame:
    return simulated_table(schema, REFERENCE + SEEDS * WEEK, seed=11)


@pytest.fixture(scope="module")
def reference(table: pd.DataFrame, schema: Schema) -> Profile:
    return counted(table.iloc[:REFERENCE], schema)


def week(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    start = REFERENCE + seed * WEEK
    return table.iloc[start : start + WEEK]


def counted(table: pd.DataFrame, schema: Schema) -> Profile:
    """As the profile has it; the revenue stands for its prediction."""
    found: Profile = reference_profile(table, schema, table["revenue"].to_numpy())["columns"]
    return found


def compared(window: Profile, reference: Profile) -> dict[str, Drift]:
    found = {}
    for name, column in window.items():
        is_number, segment = column["is_number"], column["segment"]
        comparison = compare(
            column["counts"], reference[name]["counts"], is_number=is_number, segment=segment
        )
        assert comparison is not None
        found[name] = comparison
    return found


def verdict(found: dict[str, Drift]) -> str:
    return worst(comparison.verdict for comparison in found.values())


def test_weeks_without_a_shift_raise_no_alarm(
    table: pd.DataFrame, reference: Profile, schema: Schema
) -> None:
    before = None
    for seed in range(SEEDS):
        window = counted(week(table, seed), schema)
        found = compared(window, reference)
        assert verdict(found) == "none", [c.reasons for c in found.values()]
        assert all(comparison.psi < 0.01 for comparison in found.values())
        if before:
            assert verdict(compared(window, before)) == "none"
        before = window


def test_a_fifth_more_or_less_of_a_large_country_is_caught(
    table: pd.DataFrame, reference: Profile, schema: Schema
) -> None:
    largest = table["country"].value_counts().index[:5]
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        name, factor = largest[seed % 5], [1.2, 0.8][seed // 5 % 2]
        its = (table["country"] == name).to_numpy()
        more = rng.random(WEEK) < factor * its.mean()
        rows = np.where(
            more,
            rng.choice(np.flatnonzero(its), WEEK),
            rng.choice(np.flatnonzero(~its), WEEK),
        )
        found = compared(counted(table.iloc[rows], schema), reference)["country"]
        assert found.verdict == "moderate"
        assert found.psi < 0.1  # which alone sees nothing
        assert any(f"share of {name}" in reason for reason in found.reasons)


def test_three_tenths_more_or_less_of_an_event_is_caught(
    table: pd.DataFrame, reference: Profile, schema: Schema
) -> None:
    for seed in range(SEEDS):
        event = f"event_{seed % 3 + 1}"
        window = week(table, seed)
        shifted = window.assign(**{event: window[event] * [1.3, 0.7][seed % 2]})
        found = compared(counted(shifted, schema), reference)
        assert found[event].verdict != "none"
        others = {name: one for name, one in found.items() if name != event}
        assert verdict(others) == "none"


def test_psi_and_js_are_those_of_the_textbook_less_what_chance_brings() -> None:
    found = compare({"a": 700, "b": 300}, {"a": 5000, "b": 5000}, is_number=False)
    assert found is not None
    p, q = np.array([0.7, 0.3]), np.array([0.5, 0.5])
    noise = 1 / 1000 + 1 / 10_000
    assert found.psi == pytest.approx(((p - q) * np.log(p / q)).sum() - noise, rel=0.01)
    m = (p + q) / 2
    js = ((p * np.log2(p / m)).sum() + (q * np.log2(q / m)).sum()) / 2
    assert found.js == pytest.approx(js - noise / 8 / np.log(2), rel=0.01)
    assert found.verdict == "moderate"


def test_without_a_shift_the_corrected_psi_is_0_on_average() -> None:
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.ones(12))
    names = [f"c{i}" for i in range(12)]
    other = dict(zip(names, rng.multinomial(10**7, shares).tolist(), strict=True))
    raw, corrected = [], []
    for _ in range(300):
        window = dict(zip(names, rng.multinomial(2000, shares).tolist(), strict=True))
        found = compare(window, other, is_number=False)
        assert found is not None and found.verdict == "none"
        corrected.append(found.psi)
        raw.append(found.psi_by_chance)
    assert raw[0] == pytest.approx(11 / 2000, rel=0.01)
    assert np.mean(corrected) < 0.25 * raw[0]  # cut off at 0, so not quite 0


def test_what_is_above_all_before_is_not_taken_for_none() -> None:
    before = {"0": 5000, "1": 2500, "2": 2500}
    window = {"0": 4600, "1": 2500, "2": 2500}
    above = compare(window | {"1000": 400}, before, is_number=True)
    assert above is not None and above.verdict == "large" and above.psi > 0.25
    gone = compare({"1000": 5000, "1": 2500, "2": 2500}, before, is_number=True)
    assert gone is not None and gone.verdict == "large" and gone.psi > 1


def test_a_column_that_became_a_number_is_not_compared_with_its_categories() -> None:
    def counted(version: str, *rows: tuple[str, bool, int]) -> tuple[CountedWindow, Columns]:
        about = CountedWindow(start=NOW, end=NOW, model_version=version, rows=1000)
        names = ("value", "is_number", "rows")
        return about, Columns(
            [{"column_name": "os_version"} | dict(zip(names, r, strict=True)) for r in rows]
        )

    texts = counted("1", ("14.4.1", False, 900), ("13", False, 100))
    numbers = counted("2", ("14", True, 990), ("14.4.1", False, 10))
    [column] = report(numbers, texts, None, None, ()).columns
    assert (column.is_number, column.before) == (True, None)
    [column] = report(numbers, numbers, None, None, ()).columns
    assert column.before is not None
    assert (column.before.verdict, column.before.missing_share) == ("none", 0.01)
    profile = {
        "rows": 1000,
        "columns": {"os_version": {"is_number": False, "counts": {"13": 1000}}},
    }
    [column] = report(numbers, texts, profile, None, ()).columns
    assert column.reference is not None
    assert (column.is_number, column.reference.new_share) == (False, 1.0)


def test_superiority_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(4)
    a, b = (2.0 ** rng.integers(0, 5, 400) for _ in range(2))
    b *= 2
    counts = [{f"{v:g}": int((x == v).sum()) for v in np.unique(x)} for x in (b, a)]
    found = compare(counts[0] | {"0": 50}, counts[1], is_number=True)
    assert found is not None
    pairs = (b[:, None] > a).mean() + (b[:, None] == a).mean() / 2
    assert found.superiority == pytest.approx(pairs)


def test_new_and_missing_categories_show() -> None:
    before = {"us": 9000, "br": 1000}
    found = compare({"us": 900, "xx": 60, "(missing)": 40}, before, is_number=False)
    assert found is not None
    assert (found.new_share, found.missing_share, found.verdict) == (0.06, 0.04, "large")
    assert "6.0% new categories" in found.reasons


def test_few_rows_and_none_raise_no_alarm() -> None:
    assert compare({}, {"us": 5}, is_number=False) is None
    found = compare({"br": 1, "us": 2}, {"us": 9000, "br": 10}, is_number=False)
    assert found is not None and found.verdict == "none"


def test_the_collector_counts_what_went_in_and_came_out(
    collector: Collector, database: Database, writer: Make
) -> None:
    one = writer("4")
    one.log([0.0, 3.0], country=" US", event_2=5.0, installed_at="2026-01-01T00:00:00Z")
    one.log([3.1], country=None, event_2=float("nan"))
    one.fail("refused")
    while collector.collect():
        pass
    one.log([3.0], country="us")
    while collector.collect():
        pass
    found = query(
        database, "SELECT column_name, is_number, value, sum(rows)::int FROM column_counts "
        "WHERE model_version = '4' GROUP BY 1, 2, 3"
    )  # fmt: skip
    counts = {(name, value): rows for name, _, value, rows in found}
    three = bin_name(int(bins(np.array([3.0]))[0]))
    assert counts["country", "us"] == 3
    assert counts["country", "(missing)"] == 1
    assert counts["event_2", "4.757"] == 2
    assert counts["event_2", "(missing)"] == 1
    assert counts["predicted_revenue", "0"] == 1
    assert counts["predicted_revenue", three] == 3
    assert not [name for name, _ in counts if name == "installed_at"]
    assert {name for name, is_number, *_ in found if is_number} >= {"event_1", "event_2"}


def test_what_an_hour_has_of_categories_is_bounded(
    collector: Collector, database: Database, writer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 3)
    now_ns = time.time_ns()  # of all rows: no hour ends between them
    monkeypatch.setattr("revenue_model.prediction_log.writer.time.time_ns", lambda: now_ns)
    one = writer()
    for number in range(8):
        one.log([1.0] * (number + 1), country=f"c{number % 6}")
        while collector.collect():
            pass
    [(values, rows)] = query(
        database,
        "SELECT count(DISTINCT value), sum(rows) FROM column_counts WHERE column_name = 'country'",
    )
    assert int(str(values)) <= 5
    assert int(str(rows)) == 36
    assert query(database, f"SELECT 1 FROM column_counts WHERE value = '{OTHER}'")


@pytest.fixture
def store(tmp_path: Path, schema: Schema) -> Iterator[str]:
    """A registry whose version 1 has a profile and whose version 2 has none."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("e", artifact_location=f"{tmp_path}/artifacts")
    table = simulated_table(schema, 6000, seed=5)
    client.create_registered_model("revenue")
    for number in (1, 2):
        run = client.create_run(experiment)
        if number == 1:
            found = reference_profile(table, schema, table["revenue"].to_numpy())
            client.log_dict(run.info.run_id, found, "profile.json")
        client.create_model_version("revenue", f"{tmp_path}/artifacts", run.info.run_id)
    with _use_tracking_uri(uri):  # the sidecar sets it
        yield uri


def test_drift_is_told_of_the_log(
    settings: Settings,  # noqa: F811
    store: str,
    writer: Make,
    schema: Schema,
) -> None:
    table = simulated_table(schema, 9000, seed=5).iloc[6000:]
    inputs = [c.name for c in schema.columns if c.role != "target"]

    def log(writer: Writer, table: pd.DataFrame) -> None:
        values = {name: table[name].astype(object).to_numpy() for name in inputs}
        outputs = {"predicted_revenue": table["revenue"].to_numpy()}
        writer.spool.append(values, outputs, request_id="", inference_time_s=0.1)

    with TestClient(create_app(replace(settings, tracking_uri=store))) as client:
        assert client.get("/drift?window=week").status_code == 422
        wait_for_predictions(client, 0)
        empty = client.get("/drift").json()
        assert (empty["window"]["rows"], empty["columns"]) == (0, [])
        one = writer("1")
        log(one, table)
        wait_for_predictions(client, 3000)
        answer = client.get("/drift?window=2h").json()
        assert (answer["reference_rows"], answer["reference_problem"]) == (6000, None)
        assert (answer["window"]["model_version"], answer["window"]["rows"]) == ("1", 3000)
        assert [c["reference"]["reasons"] for c in answer["columns"]] == [[]] * 10
        assert (answer["verdict"], answer["before"]["rows"]) == ("none", 0)
        assert {c["column"] for c in answer["columns"]} == {
            *schema.features,
            "predicted_revenue",
        }
        log(one, table.assign(country="nu", event_2=table["event_2"] * 4))
        wait_for_predictions(client, 6000)
        answer = client.get("/drift?window=2h").json()
        large = [c["column"] for c in answer["columns"] if c["verdict"] == "large"]
        assert large == ["country", "event_2"]
        country = answer["columns"][0]["reference"]
        assert country["new_share"] == 0.5
        other = client.get("/drift?window=2h&model_version=9").json()
        assert other["window"]["rows"] == 0
        log(writer("2"), table)
        wait_for_predictions(client, 9000)
        unknown = client.get("/drift?window=2h&model_version=2").json()
        assert "version 2 has no profile.json" in unknown["reference_problem"]
        assert unknown["window"]["rows"] == 3000
