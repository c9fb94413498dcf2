"""Training through its public door: installs in, an estimator out, and what it answers."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revenue_model.data.simulate import simulated_table
from revenue_model.errors import TableError
from revenue_model.evaluation import metrics
from revenue_model.model.arrays import Array
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import DEFAULT_SCHEMA, Column, Schema
from revenue_model.training import cross_fit
from revenue_model.training import fit as training
from revenue_model.training.fit import fit
from tests.examples import SMALL

QUICK = replace(SMALL, folds=10, num_boost_round=60)
ALL = {"interval": True, "payer_probability": True, "explain": True}


@pytest.fixture(scope="module")
def estimator(installs: pd.DataFrame, schema: Schema) -> RevenueEstimator:
    return fit(installs, schema, QUICK)


@pytest.fixture(scope="module")
def others(schema: Schema) -> pd.DataFrame:
    """Installs of the same market that the estimator has not seen."""
    return simulated_table(schema, rows=2000, seed=7)


def answer(estimator: RevenueEstimator, table: pd.DataFrame, **asked: bool) -> dict[str, Array]:
    columns = {name: table[name].to_numpy() for name in estimator.schema.features}
    return estimator.predict(columns, **asked)


def test_it_forecasts_installs_it_has_not_seen(schema: Schema, installs: pd.DataFrame) -> None:
    estimator = fit(installs.iloc[:2400], schema, QUICK)
    held = installs.iloc[2400:]
    predicted = answer(estimator, held)["predicted_revenue"]
    measured = metrics.evaluate(
        held["revenue"].to_numpy(), predicted, held[list(schema.segments)]
    )
    assert measured["gini"] > 0.98
    assert measured["spearman"] > 0.95
    assert measured["total_bias_rest"] == pytest.approx(1, abs=0.15)


def test_rows_one_by_one_are_as_all_at_once(
    estimator: RevenueEstimator, others: pd.DataFrame
) -> None:
    together = answer(estimator, others.head(150), **ALL)
    for row in range(0, 150, 7):
        alone = answer(estimator, others.iloc[[row]], **ALL)
        for name, values in together.items():
            if not name.startswith("contribution"):
                assert alone[name][0] == values[row], name
            assert alone[name][0] == pytest.approx(values[row], abs=1e-5), name


def test_no_installs_get_no_rows_of_all_columns(
    estimator: RevenueEstimator, others: pd.DataFrame
) -> None:
    outputs = answer(estimator, others.head(0), **ALL)
    assert outputs.keys() == answer(estimator, others.head(1), **ALL).keys()
    assert all(values.shape == (0,) for values in outputs.values())


def test_the_order_of_columns_does_not_matter(
    estimator: RevenueEstimator, others: pd.DataFrame
) -> None:
    columns = {name: others[name].to_numpy() for name in reversed(estimator.schema.features)}
    turned = estimator.predict(columns)["predicted_revenue"]
    np.testing.assert_array_equal(answer(estimator, others)["predicted_revenue"], turned)


def test_contributions_sum_to_the_log_of_the_prediction(
    estimator: RevenueEstimator, others: pd.DataFrame
) -> None:
    outputs = answer(estimator, others, explain=True)
    predicted = outputs.pop("predicted_revenue")
    assert set(outputs) == {
        f"contribution_{name}" for name in ("base", *estimator.schema.features)
    }
    np.testing.assert_allclose(sum(outputs.values()), np.log(predicted), atol=1e-6)
    pe = (others["country"] == "pe").to_numpy()
    base = outputs["contribution_base"][(predicted > 10 * predicted.min()) & ~pe]
    np.testing.assert_allclose(base, base[0], atol=1e-4)  # a constant where nothing is cut
    assert outputs["contribution_country"][pe].min() > 8


def test_intervals_hold_and_surround_the_prediction(
    estimator: RevenueEstimator, others: pd.DataFrame
) -> None:
    require_intervals_to_hold(estimator, others)


def test_intervals_hold_when_learned_from_some_of_the_payers(
    installs: pd.DataFrame,
    schema: Schema,
    others: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "_MAX_PAYERS", 700)  # there are some 1,900
    require_intervals_to_hold(fit(installs, schema, QUICK), others)


def require_intervals_to_hold(estimator: RevenueEstimator, others: pd.DataFrame) -> None:
    outputs = answer(estimator, others, interval=True)
    low, high = outputs["revenue_low"], outputs["revenue_high"]
    assert (low <= outputs["predicted_revenue"]).all()
    assert (outputs["predicted_revenue"] <= high).all()
    real = others["revenue"].to_numpy()
    covered = (low <= real) & (real <= high)
    assert 0.8 < covered[real > 0].mean() < 0.97


def test_what_is_saved_and_loaded_answers_the_same(
    estimator: RevenueEstimator, others: pd.DataFrame, schema: Schema, tmp_path: Path
) -> None:
    estimator.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".ubj"}
    loaded = RevenueEstimator.load(tmp_path, schema)
    first, again = answer(estimator, others, **ALL), answer(loaded, others, **ALL)
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name], err_msg=name)


text = st.none() | st.text(max_size=8) | st.sampled_from(["pe", "na", "US", "iOS", "Organic"])
count = st.sampled_from([0.0, 1.0, 7.0, 1e6, 1e12, 1e300, math.nan])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[text] * 6, *[count] * 3), min_size=1, max_size=4))
def test_any_install_gets_finite_numbers(
    estimator: RevenueEstimator, rows: list[tuple[object, ...]]
) -> None:
    columns = dict(
        zip(estimator.schema.features, map(list, zip(*rows, strict=True)), strict=True)
    )
    outputs = estimator.predict(columns, **ALL)
    for name, values in outputs.items():
        assert np.isfinite(values).all(), name
    assert (outputs["predicted_revenue"] > 0).all()
    assert ((outputs["payer_probability"] >= 0) & (outputs["payer_probability"] <= 1)).all()


def test_a_segment_at_fault_does_not_steer_the_others(schema: Schema) -> None:
    table = simulated_table(schema, rows=6000, seed=9)
    faulty = table["country"] == "pe"
    others = table[~faulty].reset_index(drop=True)
    with_fault = answer(fit(table, schema, QUICK), others)["predicted_revenue"]
    without = answer(fit(others, schema, QUICK), others)["predicted_revenue"]
    np.testing.assert_allclose(with_fault, without, rtol=0.02)


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
    with pytest.raises(
        TableError, match=f"only {payers} of 3000 installs have revenue above 0"
    ):
        fit(poor, schema, QUICK)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed is -1; give one from 0 to"),
        ({"level": 1.0}, "level is 1.0; give one from 0.01 to 0.999"),
        ({"level": math.nan}, "level is nan"),
        ({"folds": 2}, "folds is 2; give one from 3 to 100"),
        ({"num_boost_round": 0}, "num_boost_round is 0; give one from 1"),
        ({"depth": 0}, "depth is 0; give one from 1 to 30"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"threads": -1}, "threads is -1"),
        ({"device": "gpu0"}, "device is 'gpu0'; give cpu, cuda or cuda:NUMBER"),
    ],
)
def test_settings_out_of_their_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


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
    measured = metrics.evaluate(table["ltv"].to_numpy(), predicted)
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


def test_the_default_schema_is_that_of_the_reference() -> None:
    assert Schema.read(DEFAULT_SCHEMA).features == (
        *("country", "country_region", "source", "platform", "device_family", "os_version"),
        *("event_1", "event_2", "event_3"),
    )
