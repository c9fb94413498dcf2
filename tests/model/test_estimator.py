"""What an estimator answers: finite numbers, the same one by one as all at once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revenue_model.data.simulate import simulated_table
from revenue_model.model.arrays import Array
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import Schema
from revenue_model.training.fit import fit
from tests.examples import SMALL

QUICK = replace(SMALL, folds=5, num_boost_round=60)
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
    assert set(outputs) == {f"contribution_{name}" for name in ("base", *estimator.schema.features)}
    np.testing.assert_allclose(sum(outputs.values()), np.log(predicted), atol=1e-6)
    pe = (others["country"] == "pe").to_numpy()
    base = outputs["contribution_base"][(predicted > 10 * predicted.min()) & ~pe]
    np.testing.assert_allclose(base, base[0], atol=1e-4)  # a constant where nothing is cut
    assert outputs["contribution_country"][pe].min() > 8


def test_intervals_hold_and_surround_the_prediction(
    estimator: RevenueEstimator, others: pd.DataFrame
) -> None:
    require_intervals_to_hold(estimator, others)


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
    columns = dict(zip(estimator.schema.features, map(list, zip(*rows, strict=True)), strict=True))
    outputs = estimator.predict(columns, **ALL)
    for name, values in outputs.items():
        assert np.isfinite(values).all(), name
    assert (outputs["predicted_revenue"] > 0).all()
    assert ((outputs["payer_probability"] >= 0) & (outputs["payer_probability"] <= 1)).all()
