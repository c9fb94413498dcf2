"""Two forecasts of the same installs, compared by a paired bootstrap.

A bootstrap draws users: in every draw both forecasts are judged on the same ones, so what
chance does to both cancels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import FLOOR
from revenue_model.model.arrays import Array
from revenue_model.training.tweedie import deviance

DEVIANCE = "tweedie_deviance"
TOTAL_BIAS = "total_bias"
MEASURES = (DEVIANCE, "mae", "gini", "bias_distance", TOTAL_BIAS)
_CHUNK = 50_000  # weights at a time, so that they stay in the processor's cache


class ForecastPair:
    """Two forecasts of the same installs, to be measured under many weightings."""

    def __init__(self, champion: Forecast, challenger: Forecast) -> None:
        real = champion.real
        models = [np.maximum(each.predicted, FLOOR) for each in (champion, challenger)]
        self.installs = len(real)
        self._real = real
        self._ideal = _Ranking(real, real)
        self._ranked = [_Ranking(predicted, real) for predicted in models]
        self._sums = [np.column_stack([deviance(real, m), np.abs(m - real), m]) for m in models]

    def measures(self, weights: Array) -> list[dict[str, Array]]:
        """Of each model each measure, a number per row of `weights`."""
        real, ideal = weights @ self._real, self._ideal.covariance(weights)
        of_models = []
        for sums, ranked in zip(self._sums, self._ranked, strict=True):
            deviance, error, predicted = (weights @ sums).T
            of_models.append(
                {
                    DEVIANCE: deviance / self.installs,
                    "mae": error / self.installs,
                    "gini": ranked.covariance(weights) / ideal,
                    "bias_distance": np.abs(np.log(predicted / real)),
                    TOTAL_BIAS: predicted / real,
                }
            )
        return of_models

    def worse_by(self, draws: int, rng: np.random.Generator) -> dict[str, Array]:
        """By how much the challenger is worse in each of `draws` resamples of the installs."""
        chunks = []
        rows = max(1, _CHUNK // self.installs)
        for start in range(0, draws, rows):
            size = min(rows, draws - start), self.installs
            drawn = rng.integers(self.installs, size=size)
            times = [np.bincount(each, minlength=self.installs) for each in drawn]
            chunks.append(worse_by(*self.measures(np.array(times, np.float64))))
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in MEASURES}


def worse_by(champion: Mapping[str, Array], challenger: Mapping[str, Array]) -> dict[str, Array]:
    """By how much the challenger is worse; of its total bias, how far it is from 1."""
    before, after = (np.abs(np.log(each[TOTAL_BIAS])) for each in (champion, challenger))
    return {
        DEVIANCE: challenger[DEVIANCE] / champion[DEVIANCE] - 1,
        "mae": challenger["mae"] / champion["mae"] - 1,
        "gini": champion["gini"] - challenger["gini"],
        "bias_distance": after - before,
        TOTAL_BIAS: after,
    }


class _Ranking:
    """Revenue in the order of a score; installs of the same score share their rank."""

    def __init__(self, score: Array, real: Array) -> None:
        self._order = np.argsort(score, kind="stable")
        ranked = score[self._order]
        self._starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        self._real = real[self._order]

    def covariance(self, weights: Array) -> Array:
        """Of revenue with rank, but for a factor that all rankings share."""
        weights = weights[:, self._order]
        tied = np.add.reduceat(weights, self._starts, axis=1)
        money = np.add.reduceat(weights * self._real, self._starts, axis=1)
        rank = np.cumsum(tied, axis=1) - tied / 2
        total = tied.sum(axis=1)
        return np.asarray((money * rank).sum(axis=1) - money.sum(axis=1) * total / 2)
