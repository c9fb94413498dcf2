"""Does the interval hold what it promises?"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.stats import beta

from revenue_model.evaluation.figures.scales import money_axis
from revenue_model.evaluation.figures.style import INK, MODEL, TRUTH, style
from revenue_model.evaluation.figures.text import headline, label_of
from revenue_model.evaluation.forecast import Forecast, Interval


@style
def coverage(forecast: Forecast, interval: Interval) -> Figure:
    """How often the interval holds the real revenue, and how wide it is, by decile."""
    real, predicted, unit = forecast.real, forecast.predicted, label_of(forecast.unit)
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, min(10, len(real)))
    place = np.arange(1, len(parts) + 1)
    inside = interval.holds(real)
    figure = Figure(figsize=(9.2, 4.2))
    left, right = figure.subplots(1, 2)
    promised = f"promised {interval.level:.0%}"
    left.axhline(interval.level, color=TRUTH, linewidth=1.5, label=promised)
    for chosen, label, colour, shift in (
        (np.ones(len(real), bool), "all installs", MODEL, -0.12),
        (real > 0, "payers", INK, 0.12),
    ):
        _covered(left, [inside[part[chosen[part]]] for part in parts], label, colour, shift)
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.set_ylim(min(0.7, left.get_ylim()[0]), 1.01)
    left.set_ylabel("intervals that hold the real revenue")
    left.legend(loc="lower right")
    left.set_title(f"overall {inside.mean():.1%}")
    middle, low, high = (
        [float(np.median(values[part])) for part in parts]
        for values in (predicted, interval.low, interval.high)
    )
    right.fill_between(place, low, high, color=MODEL, alpha=0.2, linewidth=0, label="interval")
    right.plot(place, middle, "o-", color=MODEL, markersize=4, label="predicted")
    money_axis(right, "y", np.concatenate([middle, low, high]), unit)
    right.set_ylabel(f"median of the decile ({unit})")
    right.legend(loc="upper left")
    right.set_title("its width")
    for axes in (left, right):
        axes.set_xticks(place)
        axes.set_xlabel("tenth of the installs, the lowest predicted first")
    headline(
        figure, "Interval coverage by decile", "good: on the line in every tenth, and narrow"
    )
    return figure


def _covered(
    axes: Axes, parts: list[NDArray[np.bool_]], label: str, colour: str, shift: float
) -> None:
    """The share of each part, with its exact (Clopper-Pearson) 95% interval."""
    for place, part in enumerate(parts, start=1):
        if len(part) < 10:
            continue
        hits, misses = part.sum(), (~part).sum()
        low = beta.ppf(0.025, hits, misses + 1) if hits else 0.0
        high = beta.ppf(0.975, hits + 1, misses) if misses else 1.0
        axes.plot([place + shift] * 2, [low, high], color=colour, linewidth=1.5)
        axes.plot(place + shift, part.mean(), "o", color=colour, markersize=5, label=label)
        label = "_nolegend_"
