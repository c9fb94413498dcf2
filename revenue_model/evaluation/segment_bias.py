"""Bias by segment: by each value of a country, a source, a platform."""

from __future__ import annotations

import numpy as np
import pandas as pd

from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.segments import labels_of
from revenue_model.model.arrays import Array

_GROUPS = 2_000  # larger segments are resampled in this many random groups of installs


def segment_bias(
    forecast: Forecast,
    *,
    seed: int,
    largest: int = 10,
    draws: int = 1_000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Predicted over real revenue by segment, with a bootstrap interval of `level`.

    One row a value, for the `largest` values of each column by installs and any other with
    over 5% of the revenue: `column`, `value`, `installs`, `revenue`, `revenue_share`,
    `predicted`, `bias`, `low`, `high`. A bias of 1 inside ``low..high`` is what an unbiased
    model gives. `bias` and its interval are NaN where nobody paid; `high` is infinite where
    so few did that a resample may hold no payer.
    """
    real, predicted, segments = forecast.real, forecast.predicted, forecast.segments
    rng = np.random.default_rng(seed)
    rows = []
    for column in segments:
        labels = labels_of(segments[column])
        for value in _worth_showing(real, labels, largest):
            of_value = (labels == value).to_numpy()
            sums = np.column_stack([predicted[of_value], real[of_value]])
            rows.append(
                {
                    "column": column,
                    "value": value,
                    "installs": int(of_value.sum()),
                    "revenue": sums[:, 1].sum(),
                    "revenue_share": sums[:, 1].sum() / (real.sum() or 1.0),
                    "predicted": sums[:, 0].sum(),
                    **_ratio_with_interval(sums, rng, draws, level),
                }
            )
    return pd.DataFrame(rows)


def _worth_showing(real: Array, labels: pd.Series, largest: int) -> list[str]:
    grouped = pd.Series(real).groupby(labels)
    installs = grouped.size().sort_values(ascending=False, kind="stable")
    revenue = grouped.sum()
    rich = revenue.index[revenue > 0.05 * revenue.sum()]
    return [
        str(value)
        for rank, value in enumerate(installs.index)
        if rank < largest or value in rich
    ]


def _ratio_with_interval(
    sums: Array, rng: np.random.Generator, draws: int, level: float
) -> dict[str, float]:
    """The ratio of the two columns' sums, and its percentile bootstrap interval."""
    groups = _pooled(sums, rng)
    resampled = np.zeros((draws, 2))
    for draw in np.array_split(np.arange(draws), max(1, draws * len(groups) // 500_000)):
        chosen = rng.integers(len(groups), size=(len(draw), len(groups)))
        resampled[draw] = groups[chosen].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = resampled[:, 0] / resampled[:, 1]
        bias = sums[:, 0].sum() / sums[:, 1].sum()
    if not np.isfinite(bias):
        return {"bias": np.nan, "low": np.nan, "high": np.nan}
    tail = (1 - level) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail], method="inverted_cdf")
    return {"bias": float(bias), "low": float(low), "high": float(high)}


def _pooled(sums: Array, rng: np.random.Generator) -> Array:
    """The rows, or their sums in `_GROUPS` random groups of equal size if there are more.

    Groups of independent installs are independent, so their bootstrap gives the same
    interval at a bounded cost.
    """
    if len(sums) <= 2 * _GROUPS:
        return sums
    group = rng.permutation(len(sums)) % _GROUPS
    return np.column_stack([np.bincount(group, column) for column in sums.T])
