"""Training through its public function: installs in, an estimator out."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from revenue_model.data.simulate import simulated_table
from revenue_model.errors import TableError
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import evaluate
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import Column, Schema
from revenue_model.training import cross_fit
from revenue_model.training import fit as training
from revenue_model.training.fit import fit
from tests.model.test_estimator import ALL, QUICK, answer, require_intervals_to_hold


@pytest.fixture(scope="module")
def others(schema: Schema) -> pd.DataFrame:
    """Installs of the same market that the estimator has not seen."""
    return simulated_table(schema, rows=2000, seed=7)


def test_it_forecasts_installs_it_has_not_seen(schema: Schema, installs: pd.DataFrame) -> None:
    estimator = fit(installs.iloc[:2400], schema, QUICK)
    held = installs.iloc[2400:]
    measured = evaluate(Forecast.of(held, schema, answer(estimator, held)))
    assert measured["gini"] > 0.98
    assert measured["spearman"] > 0.95
    assert measured["total_bias_rest"] == pytest.approx(1, abs=0.15)


def test_intervals_hold_when_learned_from_some_of_the_payers(
    installs: pd.DataFrame,
    schema: Schema,
    others: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "_MAX_PAYERS", 700)  # there are some 1,900
    require_intervals_to_hold(fit(installs, schema, QUICK), others)


def test_a_unit_outlier_does_not_steer_the_others(schema: Schema) -> None:
    table = simulated_table(schema, rows=4000, seed=9)
    outlying = table["country"] == "pe"
    others = table[~outlying].reset_index(drop=True)
    with_outlier = answer(fit(table, schema, QUICK), others)["predicted_revenue"]
    without = answer(fit(others, schema, QUICK), others)["predicted_revenue"]
    np.testing.assert_allclose(with_outlier, without, rtol=0.02)


def test_the_seed_decides(installs: pd.DataFrame, schema: Schema) -> None:
    few = installs.head(800)
    first, again = (answer(fit(few, schema, QUICK), few) for _ in range(2))
    other = answer(fit(few, schema, replace(QUICK, seed=8)), few)
    np.testing.assert_array_equal(first["predicted_revenue"], again["predicted_revenue"])
    assert (first["predicted_revenue"] != other["predicted_revenue"]).any()


def test_external_memory_gives_the_same_model_and_leaves_no_files(
    installs: pd.DataFrame, schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_fit, "_BLOCK", 500)  # several blocks, as a large table has
    scratch, saved = tmp_path / "scratch", [tmp_path / "memory", tmp_path / "files"]
    for folder in (scratch, *saved):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    few = replace(QUICK, folds=3, num_boost_round=20)
    used: list[int] = []

    def watch() -> None:
        used.append(len([path for path in scratch.rglob("*") if path.is_file()]))

    fit(installs, schema, few).save(saved[0])
    fit(installs, schema, few, watch, external_memory=True).save(saved[1])
    assert min(used) > 0
    assert list(scratch.iterdir()) == []
    first, again = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in saved)
    assert first == again


@pytest.mark.filterwarnings("ignore:.*xternal memory cache file:UserWarning")  # they are gone
def test_external_memory_leaves_no_files_when_training_fails(
    installs: pd.DataFrame, schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(installs.head(800), schema, QUICK, fail, external_memory=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("payers", [0, 1, 9])
def test_too_few_payers_are_refused_with_the_reason(
    installs: pd.DataFrame, schema: Schema, payers: int
) -> None:
    keep = installs["revenue"].rank(ascending=False, method="first") <= payers
    poor = installs.assign(revenue=installs["revenue"].where(keep, 0.0))
    with pytest.raises(TableError, match=f"only {payers} of 3000 installs have revenue above 0"):
        fit(poor, schema, QUICK)


DEGENERATE = {
    "50 rows": lambda table: table.head(50),
    "one category": lambda table: table.assign(
        country="us", country_region=None, source=None, platform="iOS", device_family="x"
    ),
    "no events": lambda table: table.assign(event_1=0.0, event_2=0.0, event_3=math.nan),
    "all pay": lambda table: table.assign(revenue=table["revenue"] + 1.0),
    "all pay the same": lambda table: table.assign(revenue=1.0),
    "an absurd event": lambda table: table.assign(
        event_2=table["event_2"].where(table.index != 7, 1e300)
    ),
    "tiny revenue": lambda table: table.assign(revenue=table["revenue"] * 1e-9),
    "huge revenue": lambda table: table.assign(revenue=table["revenue"] * 1e9),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_table_trains_to_finite_predictions(
    installs: pd.DataFrame, schema: Schema, others: pd.DataFrame, name: str
) -> None:
    table = DEGENERATE[name](installs.head(1000)).reset_index(drop=True)
    estimator = fit(table, schema, QUICK)
    for output, values in answer(estimator, others, **ALL).items():
        assert np.isfinite(values).all(), output
    forecast = answer(estimator, table)["predicted_revenue"].sum()
    assert 0.5 < forecast / table["revenue"].sum() < 2


def test_other_columns_need_a_schema_file_only(tmp_path: Path) -> None:
    file = tmp_path / "studio.toml"
    file.write_text(
        "[categorical.channel]\nsegment = true\n[categorical.geo]\ndefault = 'unknown'\n"
        "[event.sessions]\n[numeric.age]\ndefault = 30\n[target.ltv]\n",
        encoding="utf-8",
    )
    schema = Schema.read(file)
    table = simulated_table(schema, rows=2000, seed=1)
    estimator = fit(table, schema, QUICK)
    predicted = answer(estimator, table)["predicted_revenue"]
    measured = evaluate(Forecast.of(table, schema, {"predicted_revenue": predicted}))
    assert measured["gini"] > 0.9
    filled: dict[str, list[Any]] = {
        "channel": [None],
        "geo": [None],
        "sessions": [5.0],
        "age": [math.nan],
    }
    named = filled | {"geo": ["UNKNOWN"], "age": [30.0]}
    assert (
        estimator.predict(filled)["predicted_revenue"]
        == (estimator.predict(named)["predicted_revenue"])
    )


def test_a_pair_of_columns_is_priced_explained_and_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "network": rng.choice(["search", "social", "video"], 3000),
            "geo": rng.choice(["br", "de", "us"], 3000),
            "ads": rng.poisson(10, 3000).astype(float),
        }
    )
    rich = (table["network"] == "video") & (table["geo"] == "us")
    table["ltv"] = 0.1 * table["ads"] * np.where(rich, 3.0, 1.0) * rng.gamma(4, 0.25, 3000)
    schema = Schema(
        (
            Column("network", "categorical"),
            Column("geo", "categorical"),
            Column("ads", "event"),
            Column("ltv", "target"),
        )
    )
    estimator = fit(table, schema, QUICK)
    assert len(estimator.tariff.interactions) == 1
    outputs = answer(estimator, table, explain=True)
    predicted = outputs["predicted_revenue"]
    assert predicted[rich].sum() / table["ltv"][rich].sum() == pytest.approx(1, abs=0.05)
    base = outputs["contribution_base"][table["ads"] > 0]
    np.testing.assert_allclose(base, base[0], atol=1e-4)
    estimator.save(tmp_path)
    loaded = RevenueEstimator.load(tmp_path, schema)
    for name, values in answer(loaded, table, explain=True).items():
        np.testing.assert_array_equal(values, outputs[name])
