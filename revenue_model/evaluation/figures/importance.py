"""What does a prediction rest on?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray
from scipy.stats import rankdata

from revenue_model.evaluation.figures.style import (
    MODEL,
    MUTED,
    headline,
    label_of,
    sample,
    style,
)
from revenue_model.model.arrays import Array


@style
def importance(
    contributions: Mapping[str, Array],
    columns: Mapping[str, NDArray[np.generic]],
    seed: int = 0,
) -> Figure:
    """What moves the prediction: each column's share in the log of it, install by install.

    `contributions` are those of ``estimator.predict(..., explain=True)`` by column, and
    `columns` the values they belong to. A point's colour says whether the value is low or
    high in its column; categories are coloured by what they contribute on average.
    """
    size = {
        name: float(np.abs(values - values.mean()).mean())
        for name, values in contributions.items()
    }
    names = sorted(size, key=lambda name: size[name])
    rng = np.random.default_rng(seed)
    shown = sample(next(iter(contributions.values())), seed, 1_500)
    figure = Figure(figsize=(9.2, 1.5 + 0.36 * len(names)))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 2.2))
    for place, name in enumerate(names):
        left.barh(place, np.exp(size[name]), color=MODEL, height=0.6)
        shift = contributions[name][shown]
        height = place + rng.uniform(-0.28, 0.28, len(shown))
        rank = _shade(columns[name], contributions[name])[shown]
        dots = right.scatter(
            shift, height, c=rank, cmap="coolwarm", s=7, alpha=0.6, linewidths=0
        )
    left.set_xscale("log")
    left.set_xlim(1)
    left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"x {value:g}"))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_title("typical factor in the prediction")
    left.set_yticks(range(len(names)), [label_of(name) for name in names])
    right.axvline(0, color=MUTED, linewidth=1)
    right.set_title("each install")
    right.set_xlabel("change of the log of the predicted revenue")
    bar = figure.colorbar(dots, ax=right, ticks=[], pad=0.02, aspect=30)
    bar.ax.text(0.5, -0.01, "low\nvalue", ha="center", va="top", transform=bar.ax.transAxes)
    bar.ax.text(0.5, 1.01, "high\nvalue", ha="center", transform=bar.ax.transAxes)
    bar.outline.set_visible(False)
    headline(figure, "What the prediction rests on", "the columns, the strongest on top")
    return figure


def _shade(values: NDArray[np.generic], contribution: Array) -> Array:
    """A rank from 0 to 1 of each value, missing numbers in the middle."""
    if values.dtype.kind in "fiu":
        numbers = values.astype(np.float64)
    else:
        means = pd.Series(contribution).groupby(pd.Series(values, dtype=object), dropna=False)
        numbers = means.transform("mean").to_numpy()
    rank = np.full(len(numbers), 0.5)
    known = np.isfinite(numbers)
    if known.any():
        rank[known] = (rankdata(numbers[known]) - 1) / max(known.sum() - 1, 1)
    return rank
