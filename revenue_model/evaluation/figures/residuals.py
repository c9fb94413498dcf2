"""Install by install: the prediction beside what came in."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from revenue_model.evaluation.figures.scales import money_axis, sample
from revenue_model.evaluation.figures.style import MODEL, TRUTH, style
from revenue_model.evaluation.figures.text import headline, label_of
from revenue_model.evaluation.forecast import Forecast


@style
def predicted_against_real(forecast: Forecast, seed: int = 0) -> Figure:
    """One point an install, both axes logarithmic down to the cents and linear to zero."""
    real, predicted, unit = forecast.real, forecast.predicted, label_of(forecast.unit)
    shown = sample(real, seed)
    figure = Figure(figsize=(5.6, 5))
    axes = figure.add_subplot()
    both = np.concatenate([real, predicted])
    axes.plot(real[shown], predicted[shown], ".", color=MODEL, alpha=0.25, markersize=5, mew=0)
    limits = money_axis(axes, "x", both, unit)
    money_axis(axes, "y", both, unit)
    axes.plot(limits, limits, color=TRUTH, linewidth=1.5)
    axes.set_xlabel(f"real revenue ({unit})")
    axes.set_ylabel(f"predicted revenue ({unit})")
    headline(figure, "Predicted against real", "good: points along the line, at every size")
    return figure


@style
def residuals(forecast: Forecast, seed: int = 0) -> Figure:
    """What came in less what was predicted; and for payers their ratio."""
    real, predicted, unit = forecast.real, forecast.predicted, label_of(forecast.unit)
    shown = sample(real, seed)
    figure = Figure(figsize=(9.2, 4.2))
    left, right = figure.subplots(1, 2)
    error = real - predicted
    left.plot(predicted[shown], error[shown], ".", color=MODEL, alpha=0.25, markersize=5, mew=0)
    left.axhline(0, color=TRUTH, linewidth=1.5)
    money_axis(left, "x", predicted, unit)
    money_axis(left, "y", error, unit)
    left.set_xlabel(f"predicted revenue ({unit})")
    left.set_ylabel(f"real - predicted ({unit})")
    left.set_title("in money: no slope, no trend")
    paying = (real > 0) & (predicted > 0)
    ratio = np.log10(real[paying] / predicted[paying])
    right.hist(np.clip(ratio, -2, 2), bins=np.linspace(-2, 2, 61), color=MODEL)
    right.axvline(0, color=TRUTH, linewidth=1.5)
    right.set_xticks([-2, -1, 0, 1, 2], ["≤ 1/100", "1/10", "1", "10", "≥ 100"])
    right.set_xlabel("real / predicted, payers")
    right.set_ylabel("payers")
    within = float((np.abs(ratio) < np.log10(2)).mean()) if len(ratio) else 0.0
    right.set_title(f"as a factor: {within:.0%} of payers within a factor of 2")
    headline(figure, "Residuals", "good: centred on the line")
    return figure
