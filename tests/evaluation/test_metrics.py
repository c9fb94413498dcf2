"""Each measure against a published definition or an independent implementation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from revenue_model.evaluation.forecast import Forecast, Interval
from revenue_model.evaluation.metrics import (
    capture,
    decile_calibration_error,
    deciles,
    evaluate,
    gains,
    gini,
    r2,
    spearman,
    total_bias,
    tweedie_deviance,
)
from revenue_model.model.arrays import Array


def _forecast(seed: int, rows: int = 1_000) -> tuple[Array, Array]:
    """Zero-inflated, heavy-tailed revenue with ties, and a forecast of it with ties."""
    rng = np.random.default_rng(seed)
    real = np.round(rng.lognormal(0, 2, rows) * (rng.random(rows) < 0.6), 2)
    predicted = np.round(real * rng.gamma(2, 0.5, rows) + rng.exponential(0.1, rows), 1)
    return real, predicted


def judged(real: Array, predicted: Array, **more: Any) -> dict[str, float]:
    return evaluate(Forecast(real, predicted, **more))


def _kaggle_gini(real: Array, predicted: Array) -> float:
    """Kaggle's normalized Gini as a plain loop over installs, best predicted first."""

    def area(order: Array) -> float:
        running = lorenz = 0.0
        for value in real[np.argsort(-order, kind="stable")]:
            running += value
            lorenz += running / real.sum()
        return lorenz - (len(real) + 1) / 2

    return area(predicted) / area(real)


@pytest.mark.parametrize("seed", range(3))
def test_errors_are_those_of_scikit_learn(seed: int) -> None:
    real, predicted = _forecast(seed)
    measures = judged(real, predicted)
    assert measures["mae"] == pytest.approx(sk.mean_absolute_error(real, predicted))
    assert measures["rmse"] == pytest.approx(sk.root_mean_squared_error(real, predicted))
    assert measures["r2"] == pytest.approx(sk.r2_score(real, predicted))
    assert measures["payer_auc"] == pytest.approx(sk.roc_auc_score(real > 0, predicted))


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_that_of_scipy(seed: int) -> None:
    real, predicted = _forecast(seed)
    payers = real > 0
    measures = judged(real, predicted)
    assert measures["spearman"] == pytest.approx(stats.spearmanr(real, predicted)[0])
    assert measures["spearman_payers"] == pytest.approx(
        stats.spearmanr(real[payers], predicted[payers])[0]
    )


@pytest.mark.parametrize("seed", range(3))
def test_gini_is_kaggles_where_nothing_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, predicted = rng.lognormal(0, 2, (2, 500))
    assert gini(real, predicted) == pytest.approx(_kaggle_gini(real, predicted))


def test_gini_of_ties_is_the_mean_over_their_orders() -> None:
    real = np.array([0.0, 3.0, 1.0, 6.0])
    orders = ([1, 2, 3, 4], [1, 3, 2, 4])
    mean = np.mean([_kaggle_gini(real, np.array(order, float)) for order in orders])
    assert gini(real, np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(mean)


def test_gini_of_paying_or_not_is_that_of_the_auc() -> None:
    real, predicted = _forecast(4)
    paying = (real > 0).astype(float)
    assert gini(paying, predicted) == pytest.approx(2 * sk.roc_auc_score(paying, predicted) - 1)


def test_a_reversed_forecast_has_the_gini_minus_one() -> None:
    real = np.array([0.0, 1.0, 2.0, 10.0])
    assert gini(real, real) == pytest.approx(1)
    assert gini(real, -real) == pytest.approx(-1)


def test_calibration_error_by_hand() -> None:
    # Ten deciles of two; predicted 1 .. 10 each, real 10% above in half of them, and a first
    # decile below the floor that does not count.
    predicted = np.repeat(np.arange(1.0, 11.0), 2)
    real = predicted * np.where(predicted > 5, 1 / 1.1, 1.0)
    real[:2] = 0.0
    assert decile_calibration_error(real, predicted) == pytest.approx(5 * 0.1 / 9)


def test_deciles_do_not_depend_on_the_order_of_the_rows() -> None:
    real, predicted = _forecast(5)
    shuffled = np.random.default_rng(0).permutation(len(real))
    before, after = deciles(real, predicted), deciles(real[shuffled], predicted[shuffled])
    np.testing.assert_allclose(before, after)
    assert before["real"].mean() == pytest.approx(real.mean())


def test_tweedie_deviance_is_its_published_formula() -> None:
    """Jørgensen (1997): 2 (y^(2-p)/((1-p)(2-p)) - y m^(1-p)/(1-p) + m^(2-p)/(2-p))."""
    power = 1.5
    real, predicted = _forecast(6)
    predicted = predicted + 0.01
    slow = [
        2
        * (
            y ** (2 - power) / ((1 - power) * (2 - power))
            - y * m ** (1 - power) / (1 - power)
            + m ** (2 - power) / (2 - power)
        )
        for y, m in zip(real, predicted, strict=True)
    ]
    assert tweedie_deviance(real, predicted) == pytest.approx(np.mean(slow))
    assert judged(real, predicted)["tweedie_deviance"] == pytest.approx(np.mean(slow))


def test_deviance_takes_predictions_of_zero_and_less() -> None:
    assert math.isfinite(tweedie_deviance(np.array([0.0, 1.0]), np.array([-1.0, 0.0])))


def test_total_bias_is_predicted_over_real() -> None:
    assert total_bias(np.array([1.0, 3.0]), np.array([3.0, 3.0])) == 1.5


def test_capture_by_hand() -> None:
    real = np.array([0.0, 0.0, 10.0, 0.0, 5.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    predicted = np.array([0.0, 9.0, 8.0, 0.0, 7.0, 0.0, 0.0, 0.0, 6.0, 0.0])
    assert capture(real, predicted, 0.1) == 0  # the first install of the forecast brought 0
    assert capture(real, predicted, 0.2) == pytest.approx(10 / 15)
    assert capture(real, predicted, 0.4) == pytest.approx(16 / 16)


def test_gains_end_at_all_revenue_and_ties_rise_evenly() -> None:
    real = np.array([4.0, 0.0, 0.0, 4.0])
    np.testing.assert_allclose(gains(real, np.ones(4)), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(gains(real, real), [0, 0.5, 1, 1, 1])


def test_interval_coverage_and_width_by_hand() -> None:
    measures = judged(
        np.array([0.0, 1.0, 2.0, 3.0]),
        np.array([0.1, 1.1, 2.1, 3.1]),
        interval=Interval(
            np.array([0.0, 0.5, 2.5, 3.0]), np.array([1.0, 2.0, 3.0, 9.0]), level=0.9
        ),
    )
    assert measures["interval_coverage"] == 0.75
    assert measures["interval_coverage_payers"] == pytest.approx(2 / 3)
    assert measures["interval_width_mean"] == pytest.approx((1 + 1.5 + 0.5 + 6) / 4)
    assert measures["interval_width_median"] == pytest.approx(1.25)


def test_payers_are_ranked_by_their_probability_where_there_is_one() -> None:
    real, revenue = np.array([0.0, 0.0, 1.0]), np.array([5.0, 1.0, 2.0])
    assert judged(real, revenue)["payer_auc"] == 0.5
    better = judged(real, revenue, payer_probability=np.array([0.1, 0.2, 0.9]))
    assert better["payer_auc"] == 1


@pytest.mark.parametrize(
    ("real", "left_out"),
    [
        (np.zeros(50), {"r2", "gini", "spearman", "total_bias", "payer_auc", "capture_top_1"}),
        (np.full(50, 2.0), {"r2", "gini", "spearman", "payer_auc", "capture_top_10"}),
        (np.eye(1, 50).ravel(), {"spearman_payers"}),
        (np.array([3.0]), {"r2", "spearman_payers"}),
    ],
    ids=["nobody pays", "all bring the same", "one payer", "one install"],
)
def test_a_measure_that_does_not_exist_is_left_out(real: Array, left_out: set[str]) -> None:
    interval = Interval(real * 0, real + 1, level=0.9)
    for predicted in (np.full(len(real), 0.5), np.linspace(0.1, 1, len(real))):
        measures = judged(real, predicted, interval=interval)
        assert not left_out & measures.keys()
        assert all(math.isfinite(value) for value in measures.values())


def test_a_constant_forecast_ranks_nothing() -> None:
    real, _ = _forecast(7)
    measures = judged(real, np.full(len(real), real.mean()))
    assert measures["gini"] == pytest.approx(0)
    assert (measures["spearman"], measures["payer_auc"]) == (0, 0.5)
    assert measures["total_bias"] == pytest.approx(1)
    assert r2(real, np.full(len(real), real.mean())) == pytest.approx(0)
    assert spearman(np.zeros(3), np.arange(3.0)) is None
