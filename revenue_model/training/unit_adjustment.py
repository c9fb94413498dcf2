"""Learns the level of unit outliers, which training leaves out (see `unit_outliers`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from revenue_model.model.arrays import Array
from revenue_model.model.estimator import RevenueEstimator, UnitAdjustment
from revenue_model.training.model_selection import one_standard_error_rule
from revenue_model.training.tariff_fit import Installs
from revenue_model.training.tweedie import deviance
from revenue_model.training.unit_outliers import UnitOutlier

_WEIGHTS_OF_TREES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def adjust_units(
    estimator: RevenueEstimator, installs: Installs, outliers: Sequence[UnitOutlier]
) -> RevenueEstimator:
    """Learn each outlier's level, and how far to trust the trees there, by the deviance.

    The installs are those of the outliers: new to the estimator, so what it says of them is
    out of fold.
    """
    x, log_tariff = estimator.features(installs.inputs)
    tariff, trees = estimator.tariff_and_trees(log_tariff, x)

    def with_weight(weight: float) -> tuple[Array, UnitAdjustment]:
        levels = [np.zeros(len(vocabulary)) for vocabulary in installs.vocabularies]
        expected = np.exp(tariff + weight * trees)
        for outlier in outliers:
            members = outlier.members(installs.inputs)
            factor = installs.revenue[members].sum() / expected[members].sum()
            levels[outlier.column][outlier.category] = np.log(factor)
            expected[members] *= factor
        return deviance(installs.revenue, expected), UnitAdjustment(tuple(levels), weight)

    losses, adjustments = zip(*map(with_weight, _WEIGHTS_OF_TREES), strict=True)
    return replace(estimator, unit_adjustment=adjustments[one_standard_error_rule(losses)])
