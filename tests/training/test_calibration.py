"""Intervals keep their promise on installs that they were not calibrated on."""

from __future__ import annotations

import numpy as np
import pytest

from revenue_model.model.arrays import Array
from revenue_model.model.conformal import Conformal
from revenue_model.training.calibration import calibrate


def world(installs: int, seed: int) -> tuple[Array, Array, Array, Array]:
    """Score, real revenue, prediction and (wrong) quantiles of log(real / prediction)."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 2, installs)
    predicted = np.exp(score)
    pays = rng.random(installs) < 1 / (1 + np.exp(-score))
    real = np.where(pays, predicted * np.exp(rng.normal(0, 0.5, installs)), 0.0)
    return score, real, predicted, np.tile([-0.1, 0.1], (installs, 1))


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_payers_and_others_are_covered_as_promised(level: float) -> None:
    score, real, predicted, quantiles = world(20_000, 1)
    with np.errstate(divide="ignore"):
        conformal = calibrate(level, score, np.log(real / predicted), quantiles)
    score, real, predicted, quantiles = world(20_000, 2)
    low, high = conformal.interval(predicted, score, quantiles)
    covered = (low <= real) & (real <= high)
    assert covered[real > 0].mean() == pytest.approx(level, abs=0.015)
    assert covered[real == 0].mean() == pytest.approx(level, abs=0.015)
    assert ((low <= predicted) & (predicted <= high)).all()


def test_ends_are_finite_even_if_the_quantiles_are_not() -> None:
    conformal = Conformal(0.9, nothing_up_to=0.0, payer_from=-1.0, widening=20.0)
    predicted = np.array([0.0, 1e-9, 1e12])
    low, high = conformal.interval(predicted, np.ones(3), np.array([[-np.inf, np.inf]] * 3))
    assert np.isfinite(low).all() and np.isfinite(high).all()
