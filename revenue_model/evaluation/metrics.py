"""How good a forecast of revenue is, in the measures that the field uses.

`evaluate` has them all; each function beside it takes the real and the predicted revenue of
the same installs. A model that gives installs the same prediction has not ranked them, so
ties share their revenue: no figure here depends on the order of the rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import mean_tweedie_deviance, roc_auc_score

from revenue_model.evaluation.forecast import Forecast, Interval
from revenue_model.model.arrays import Array
from revenue_model.training.tweedie import POWER

FLOOR = 1e-6  # predictions below are raised to it where a measure needs them above 0
CALIBRATED_FROM = 1e-3  # mean revenue from which a decile is worth calibrating


def evaluate(forecast: Forecast) -> dict[str, float]:
    """Every measure by name, each a finite number, fit for ``mlflow.log_metrics``.

    If one segment value dominates (see `Forecast.dominating`), each measure comes again as
    ``NAME_rest``, without its installs, since that one segment can hide what happens in all
    the others.

    A measure that does not exist is left out: R², Gini, Spearman and capture where all
    installs brought the same, total bias and calibration where nobody brought anything, the
    AUC where all or none pay. A constant prediction does have measures: Gini and Spearman
    0, AUC 0.5.
    """
    measures = _measures(forecast)
    if (dominating := forecast.dominating) is not None:
        rest = _measures(forecast.without(dominating))
        measures |= {f"{name}_rest": value for name, value in rest.items()}
        measures["dominating_revenue_share"] = dominating.revenue_share
        measures["dominating_install_share"] = dominating.install_share
    return measures


def _measures(forecast: Forecast) -> dict[str, float]:
    real, predicted = forecast.real, forecast.predicted
    paying, probability = real > 0, forecast.payer_probability
    measures: dict[str, float | None] = {
        "mae": float(np.abs(predicted - real).mean()),
        "rmse": float(np.sqrt(np.square(predicted - real).mean())),
        "r2": r2(real, predicted),
        "gini": gini(real, predicted),
        "spearman": spearman(real, predicted),
        "spearman_payers": spearman(real[paying], predicted[paying]),
        "decile_calibration_error": decile_calibration_error(real, predicted),
        "tweedie_deviance": tweedie_deviance(real, predicted),
        "total_bias": total_bias(real, predicted),
        "payer_auc": payer_auc(real, predicted if probability is None else probability),
    }
    for percent in (1, 5, 10):
        measures[f"capture_top_{percent}"] = capture(real, predicted, percent / 100)
    if forecast.interval is not None:
        measures |= _of_interval(real, forecast.interval)
    return {name: value for name, value in measures.items() if value is not None}


def _of_interval(real: Array, interval: Interval) -> dict[str, float | None]:
    inside, paying = interval.holds(real), real > 0
    width = interval.high - interval.low
    return {
        "interval_coverage": float(inside.mean()),
        "interval_coverage_payers": float(inside[paying].mean()) if paying.any() else None,
        "interval_width_mean": float(width.mean()),
        "interval_width_median": float(np.median(width)),
    }


def r2(real: Array, predicted: Array) -> float | None:
    """The share of the variance of revenue that the prediction explains; 1 is all of it."""
    if _constant(real):
        return None
    return float(1 - np.square(real - predicted).sum() / np.square(real - real.mean()).sum())


def gini(real: Array, predicted: Array) -> float | None:
    """Normalized Gini: the Gini of the installs ordered by prediction, over the oracle's.

    1 orders them as their revenue does, 0 no better than chance. As a ratio of covariances
    of revenue with rank, which averages over the orders of ties.

    Source: Frees, Meyers & Cummings (2011), JASA 106(495); Lerman & Yitzhaki (1984).

    >>> round(gini(np.array([0.0, 1.0, 4.0]), np.array([0.1, 0.3, 0.2])), 6)
    0.25
    """
    if _constant(real):
        return None
    centred = real - real.mean()
    return float(centred @ rankdata(predicted) / (centred @ rankdata(real)))


def spearman(real: Array, predicted: Array) -> float | None:
    """The correlation of the ranks; a constant prediction has none, which is 0."""
    if _constant(real):
        return None
    if _constant(predicted):
        return 0.0
    return float(np.corrcoef(rankdata(real), rankdata(predicted))[0, 1])


def deciles(real: Array, predicted: Array) -> pd.DataFrame:
    """A row per tenth of the installs by prediction, the lowest first: the mean of
    `predicted` and of `real`. With fewer than ten installs, a row each.
    """
    order = np.argsort(predicted, kind="stable")
    shared = _tied(real, predicted)[order]
    parts = min(10, len(real))
    return pd.DataFrame(
        {
            "predicted": [part.mean() for part in np.array_split(predicted[order], parts)],
            "real": [part.mean() for part in np.array_split(shared, parts)],
        },
        index=pd.RangeIndex(1, parts + 1, name="decile"),
    )


def decile_calibration_error(real: Array, predicted: Array) -> float | None:
    """The mean of |predicted / real - 1| over the `deciles` that `CALIBRATED_FROM` leaves.

    0.05 says that a typical tenth of the installs brings 5% more or less than predicted.
    """
    table = deciles(real, predicted)
    table = table[table["real"] > CALIBRATED_FROM]
    return float((table["predicted"] / table["real"] - 1).abs().mean()) if len(table) else None


def tweedie_deviance(real: Array, predicted: Array) -> float:
    """The mean Tweedie deviance, of predictions raised to `FLOOR` where they are below."""
    return float(mean_tweedie_deviance(real, np.maximum(predicted, FLOOR), power=POWER))


def total_bias(real: Array, predicted: Array) -> float | None:
    """The sum predicted over the sum that came in; 1 is unbiased."""
    return float(predicted.sum() / real.sum()) if real.sum() > 0 else None


def payer_auc(real: Array, score: Array) -> float | None:
    """The chance that a payer (revenue above 0) has a higher `score` than a user who is not."""
    paying = real > 0
    return None if _constant(paying) else float(roc_auc_score(paying, score))


def capture(real: Array, predicted: Array, share: float) -> float | None:
    """Revenue of the top `share` of installs by prediction, over the oracle's top `share`.

    The oracle knows the revenue. 0.9 at 5%: who buys the best twentieth by this prediction
    gets 90% of the most that any twentieth could bring.

    >>> capture(np.array([0.0, 1.0, 4.0, 3.0]), np.array([0.0, 1.0, 2.0, 3.0]), 0.25)
    0.75
    """
    if _constant(real):
        return None
    top = max(1, round(share * len(real)))
    best = gains(real, real)[top]
    return float(gains(real, predicted)[top] / best)


def gains(real: Array, predicted: Array) -> Array:
    """The share of all revenue in the first 0, 1, 2, ... installs, the best predicted first."""
    order = np.argsort(-predicted, kind="stable")
    running = np.cumsum(_tied(real, predicted)[order])
    return np.asarray(np.concatenate([[0.0], running]) / real.sum())


def _tied(real: Array, predicted: Array) -> Array:
    """`real`, where installs with the same prediction share the mean of their revenue."""
    _, group, size = np.unique(predicted, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(group, real) / size)[group])


def _constant(values: NDArray[np.generic]) -> bool:
    return len(values) == 0 or bool((values == values[0]).all())
