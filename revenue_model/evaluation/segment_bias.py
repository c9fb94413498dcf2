"""Which segments, values of a country, a source, a platform, are predicted too high or low?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from revenue_model.evaluation.figures.style import (
    ALARM,
    MODEL,
    MUTED,
    TRUTH,
    headline,
    label_of,
    percent,
    style,
)
from revenue_model.evaluation.forecast import Forecast, labels_of
from revenue_model.model.arrays import Array

_GROUPS = 2_000  # larger segments are resampled in this many random groups of installs
_LARGEST = 10
_TAIL = (1 - 0.95) / 2  # of the 95% interval


def segment_bias(forecast: Forecast, *, seed: int, draws: int = 1_000) -> pd.DataFrame:
    """Predicted over real revenue by segment, with a 95% bootstrap interval.

    One row a value, for the 10 largest values of each column by installs and any other with
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
        for value in _worth_showing(real, labels):
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
                    **_ratio_with_interval(sums, rng, draws),
                }
            )
    return pd.DataFrame(rows)


def _worth_showing(real: Array, labels: pd.Series) -> list[str]:
    revenue = pd.Series(real).groupby(labels).sum()
    rich = revenue.index[revenue > 0.05 * revenue.sum()]
    installs = labels.groupby(labels).size().sort_values(ascending=False, kind="stable")
    return [v for rank, v in enumerate(installs.index) if rank < _LARGEST or v in rich]


def _ratio_with_interval(sums: Array, rng: np.random.Generator, draws: int) -> dict[str, float]:
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
    low, high = np.quantile(ratios, [_TAIL, 1 - _TAIL], method="inverted_cdf")
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


@style
def bias_figure(table: pd.DataFrame) -> Figure:
    """Predicted over real revenue by segment; `table` comes from `segment_bias`."""
    columns = list(dict.fromkeys(table["column"]))
    heights = [int((table["column"] == column).sum()) + 1 for column in columns]
    figure = Figure(figsize=(8, 1.3 + 0.24 * sum(heights)))
    panels = figure.subplots(len(columns), 1, sharex=True, height_ratios=heights, squeeze=False)
    known = table["bias"] > 0
    reach = table.loc[known & (table["installs"] >= 30), ["low", "bias", "high"]].to_numpy()
    reach = np.abs(np.log(reach[np.isfinite(reach) & (reach > 0)]))
    span = float(np.clip(np.exp(reach.max() if len(reach) else 0.0), 1.25, 10)) * 1.05
    for axes, column in zip(panels[:, 0], columns, strict=True):
        _bias(axes, table[table["column"] == column].iloc[::-1], span)
        axes.set_title(label_of(column), fontweight="bold")
    axes.set_xlabel("predicted / real revenue, with its 95% bootstrap interval")
    headline(figure, "Bias by segment", "good: intervals that hold the line at 1; red ones do not")
    return figure


def _bias(axes: Axes, table: pd.DataFrame, span: float) -> None:
    axes.axvline(1, color=TRUTH, linewidth=1.5)
    for place, row in enumerate(table.itertuples()):
        if row.bias > 0:
            held = row.low <= 1 <= row.high
            colour = MODEL if held else ALARM
            ends = np.clip([row.low, row.high], 1 / span, span)
            axes.plot(ends, [place, place], color=colour, linewidth=2)
            if 1 / span <= row.bias <= span:
                axes.plot(row.bias, place, "o", color=colour, markersize=5)
        axes.annotate(
            f"{row.installs:,} installs, {percent(row.revenue_share)} of revenue",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=MUTED,
            annotation_clip=False,
        )
    axes.set_xscale("log")
    axes.set_xlim(1 / span, span)
    factors = np.array([0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 5, 10])
    ticks = factors[(1 / span < factors) & (factors < span)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(table)), [label_of(value) for value in table["value"]])
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.grid(axis="y", visible=False)
