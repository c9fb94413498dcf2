from __future__ import annotations

import logging
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from revenue_model.data.simulate import simulated_table
from revenue_model.data.table import read_table
from revenue_model.evaluation.baselines import (
    OURS,
    ComparedModel,
    FoldData,
    compared_models,
    fold_data,
)
from revenue_model.evaluation.comparison import Comparison, ComparisonSettings, compare
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import evaluate
from revenue_model.model.schema import Column, Schema
from revenue_model.training.settings import TrainingSettings
from tests.conftest import REAL_TABLE

TWO_FOLDS = ComparisonSettings(cv=2, trials=1)


def has_lightgbm() -> bool:
    """Its wheel brings no OpenMP of its own, which small machines lack."""
    try:
        import lightgbm  # noqa: F401
    except OSError:
        return False
    return True


NAMES = [
    "ridge",
    "lasso",
    "random forest",
    "gradient boosting",
    *(["lightgbm tweedie"] if has_lightgbm() else []),
    "xgboost tweedie",
    "xgboost squared error",
    OURS,
]
SCHEMAS = {
    "events only": Schema((Column("clicks", "event"), Column("revenue", "target"))),
    "no events": Schema(
        (
            Column("site", "categorical", segment=True),
            Column("age", "numeric"),
            Column("spend", "target"),
        )
    ),
}


def settings(**changes: Any) -> TrainingSettings:
    """The defaults, with few trees."""
    few = {"num_boost_round": 30, "folds": 3, "threads": 1}
    return TrainingSettings(**few | changes)


def some(schema: Schema, *names: str) -> list[ComparedModel]:
    return [model for model in compared_models(schema, settings()) if model.name in names]


def quick(model: ComparedModel) -> dict[str, Any]:
    """The model's defaults with few trees."""
    few = {"n_estimators": 20, "max_iter": 20, "max_features": 0.3}
    return {name: few.get(name, value) for name, value in model.defaults.items()}


@pytest.fixture(scope="module")
def comparison(schema: Schema, installs: pd.DataFrame) -> Comparison:
    models = some(schema, "ridge", "xgboost tweedie", "xgboost squared error")
    return compare(installs, schema, settings(), ComparisonSettings(cv=3, trials=3), models)


def test_the_models_asked_for_are_there(schema: Schema) -> None:
    assert [model.name for model in compared_models(schema, settings())] == NAMES


def test_the_leaderboard_is_of_out_of_fold_metrics_the_best_first(
    comparison: Comparison, schema: Schema, installs: pd.DataFrame
) -> None:
    board = comparison.leaderboard()
    assert board["tweedie_deviance"].is_monotonic_increasing
    assert comparison.best.name == board.index[0]
    assert board.index[-1] == "xgboost squared error"
    real = installs["revenue"].to_numpy()
    for result in comparison.results:
        assert result.predicted.shape == real.shape
        forecast = Forecast(real, result.predicted, installs[list(schema.segments)])
        expected = evaluate(forecast)
        assert dict(board.loc[result.name]) == pytest.approx(expected)


def test_every_model_is_searched_as_often_and_its_best_trial_is_taken(
    comparison: Comparison,
) -> None:
    for result in comparison.results:
        assert len(result.trials) == 3
        best = result.trials.loc[result.trials["tweedie_deviance"].idxmin()]
        assert dict(best.drop("tweedie_deviance")) == result.params


def test_the_seed_decides(schema: Schema, installs: pd.DataFrame) -> None:
    table = installs.head(800)
    models = some(schema, "random forest")
    small = [replace(m, space={k: [v] for k, v in quick(m).items()}) for m in models]

    def predictions(seed: int) -> list[list[float]]:
        compared = compare(table, schema, settings(seed=seed, threads=2), TWO_FOLDS, small)
        return [list(result.predicted) for result in compared.results]

    assert predictions(1) == predictions(1)
    assert predictions(1) != predictions(2)


def test_no_install_is_predicted_by_a_model_that_saw_it(
    schema: Schema, installs: pd.DataFrame
) -> None:
    met: list[str] = []

    def spy(part: FoldData, params: Any) -> np.ndarray:
        assert set(part.train["user_id"]).isdisjoint(part.held["user_id"])
        met.extend(part.held["user_id"])
        return np.ones(len(part.held))

    plan = ComparisonSettings(cv=4, trials=1)
    compare(installs, schema, settings(), plan, [ComparedModel("spy", {"a": [1]}, spy)])
    searched = len(met) - len(installs)
    assert sorted(met[searched:]) == sorted(installs["user_id"])
    assert searched == pytest.approx(len(installs) * 0.75 / 5, abs=2)


def test_shared_features_do_not_hold_the_revenue_of_their_own_install(schema: Schema) -> None:
    """A category of one install each says nothing of revenue, in training as in use."""
    table = simulated_table(schema, 1000, 2)
    table["device_family"] = [f"device {row}" for row in range(len(table))]
    part = fold_data(table.head(700), table.tail(300), schema, seed=1)
    clean = fold_data(table.head(700).assign(device_family="one"), table.tail(300), schema, 1)
    assert part.x_train.shape[1] == part.x_held.shape[1] == clean.x_train.shape[1]
    differs = ~np.isclose(part.x_train, clean.x_train, equal_nan=True).all(axis=0)
    assert differs.sum() == 1  # its frequency; its target statistics are those of one device


def test_a_new_category_counts_as_often_as_the_average_one_of_its_stem() -> None:
    schema = Schema((Column("device", "categorical"), Column("revenue", "target")))
    train = pd.DataFrame({"device": ["a x", "a x", "a y", "b"] * 5, "revenue": range(20)})
    held = pd.DataFrame({"device": ["a x", "a y", "b", "a z", "b z", "c"]})
    share = np.exp(fold_data(train, held, schema, seed=1).x_held[:, -1])
    np.testing.assert_allclose(share, [0.5, 0.25, 0.25, 0.375, 0.25, 1 / 20])


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("log_target", [True, False])
def test_every_model_answers_for_any_schema(schema: Schema, log_target: bool) -> None:
    table = simulated_table(schema, 600, 4)
    held = table.tail(200).copy()
    for name in schema.categoricals:
        held[name] = ["never seen", None] * 100
    part = fold_data(table.head(400), held, schema, seed=1)
    for model in compared_models(schema, settings()):
        params = quick(model)
        if "log_target" in params:
            params["log_target"] = log_target
        predicted = model.predict(part, params)
        assert predicted.shape == (200,), model.name
        assert np.isfinite(predicted).all() and (predicted >= 0).all(), model.name


def test_without_its_library_lightgbm_is_left_out_with_a_notice(
    schema: Schema, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with caplog.at_level(logging.WARNING):
        names = [model.name for model in compared_models(schema, settings())]
    assert names == [name for name in NAMES if name != "lightgbm tweedie"]
    assert "LightGBM is left out" in caplog.text and "libgomp1" in caplog.text


def test_the_figure_shows_a_row_per_model(comparison: Comparison) -> None:
    axes = comparison.figure().axes[0]
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == [result.name for result in reversed(comparison.results)]


@pytest.mark.skipif(not REAL_TABLE.exists(), reason="the real table is not here")
def test_unlike_ours_the_reference_is_led_astray_by_the_faulty_country(schema: Schema) -> None:
    table = read_table(REAL_TABLE, schema, labelled=True).sample(4000, random_state=1)
    models = some(schema, "xgboost squared error", OURS)
    compared = compare(table, schema, settings(), TWO_FOLDS, models)
    assert compared.best.name == OURS
    bias = compared.leaderboard()["total_bias_rest"]
    assert bias["xgboost squared error"] > 5 and bias[OURS] < 1.5
