"""Intervals with a promised coverage, by conformal prediction for payers and others apart.

An install either brings nothing or something, so each of the two is tested at the promised
level (label-conditional conformal prediction). Nothing is left out of the interval, which
then starts above 0, for installs that look more like payers than a share `level` of those
who brought nothing. Among payers, quantile regressions of log(revenue / prediction) are
widened until they cover a share `level` (conformalised quantile regression).

Source: Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, 4.5;
Romano, Patterson & Candès (2019), "Conformalized quantile regression".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from revenue_model.model.arrays import Array

_LOST_PAYERS = 0.01  # share of the payers whose interval may be 0 alone
_WIDEST = 20.0  # log of how far an interval may reach from its prediction: always finite


@dataclass(frozen=True)
class Conformal:
    """What was calibrated out of fold.

    `score` orders installs by how much they look like payers: the log of what the tariff
    expects of them. It need not be sharp, only mean the same for new installs.
    """

    level: float
    nothing_up_to: float  # score above which the interval starts above 0
    payer_from: float  # score below which it is 0 alone
    widening: float  # added to both ends, in log revenue

    @classmethod
    def fit(cls, level: float, score: Array, ratio: Array, quantiles: Array) -> Self:
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
        widening = min(_upper(missed_by, level, none=0.0), _WIDEST)
        return cls(level, nothing_up_to, payer_from, widening)

    def interval(self, predicted: Array, score: Array, quantiles: Array) -> tuple[Array, Array]:
        """The lower and upper end for each install, finite, around `predicted`."""
        low, high = np.clip(quantiles, -_WIDEST, _WIDEST).T
        low = predicted * np.exp(np.minimum(low - self.widening, 0.0))
        high = predicted * np.exp(np.maximum(high + self.widening, 0.0))
        return (
            np.where(score > self.nothing_up_to, low, 0.0),
            np.where(score < self.payer_from, predicted, high),
        )


def _upper(values: Array, level: float, none: float) -> float:
    """The least value that a share `level` of exchangeable values does not exceed."""
    if not len(values):
        return none
    rank = min(int(np.ceil((len(values) + 1) * level)), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])
