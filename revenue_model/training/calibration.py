"""Calibrates the intervals on out-of-fold predictions (see `model.conformal`)."""

from __future__ import annotations

import numpy as np

from revenue_model.model.arrays import Array
from revenue_model.model.conformal import MAX_WIDENING, Conformal

_LOST_PAYERS = 0.01  # share of the payers whose interval may be 0 alone


def calibrate(level: float, score: Array, ratio: Array, quantiles: Array) -> Conformal:
    """Calibrate on out-of-fold predictions of all training installs.

    `ratio` is log(revenue / prediction), -inf where nothing came in; `quantiles`
    (installs, 2) are its predicted lower and upper quantile.
    """
    paying = np.isfinite(ratio)
    nothing_up_to = _upper(score[~paying], level, none=-np.inf)
    payer_from = float(np.quantile(score[paying], _LOST_PAYERS))
    low, high = quantiles[paying].T
    too_low = np.where(score[paying] > nothing_up_to, low - ratio[paying], -np.inf)
    missed_by = np.maximum(too_low, ratio[paying] - high)
    missed_by[score[paying] < payer_from] = np.inf
    widening = min(_upper(missed_by, level, none=0.0), MAX_WIDENING)
    return Conformal(level, nothing_up_to, payer_from, widening)


def _upper(values: Array, level: float, none: float) -> float:
    """The lowest value that a share `level` of exchangeable values does not exceed."""
    if not len(values):
        return none
    rank = min(int(np.ceil((len(values) + 1) * level)), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])
