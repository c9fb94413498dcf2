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

import numpy as np

from revenue_model.model.arrays import Array

MAX_WIDENING = 20.0  # log of how far an interval may reach from its prediction: always finite


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

    def interval(self, predicted: Array, score: Array, quantiles: Array) -> tuple[Array, Array]:
        """The lower and upper end for each install, finite, around `predicted`."""
        low, high = np.clip(quantiles, -MAX_WIDENING, MAX_WIDENING).T
        low = predicted * np.exp(np.minimum(low - self.widening, 0.0))
        high = predicted * np.exp(np.maximum(high + self.widening, 0.0))
        return (
            np.where(score > self.nothing_up_to, low, 0.0),
            np.where(score < self.payer_from, predicted, high),
        )
