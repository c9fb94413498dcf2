"""How early does a forecast find the revenue?"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from revenue_model.evaluation.figures.scales import percent
from revenue_model.evaluation.figures.style import MODEL, MUTED, TRUTH, style
from revenue_model.evaluation.figures.text import headline, label_of
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import gains, gini
from revenue_model.model.arrays import Array


@style
def gains_curves(forecast: Forecast) -> Figure:
    """Share of revenue in the best predicted installs; the oracle orders by real revenue.

    Again without the dominating segment, if there is one.
    """
    panels = {"all installs": forecast}
    if (dominating := forecast.dominating) is not None:
        rest = forecast.without(dominating)
        if rest.real.sum() > 0:
            panels[label_of(f"without {dominating.column} {dominating.value}")] = rest
    figure = Figure(figsize=(4.6 * len(panels) + 0.4, 4.2))
    for axes, (title, shown) in zip(
        np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels.items(), strict=True
    ):
        _gains(axes, shown.real, shown.predicted)
        axes.set_title(f"{title}: normalized Gini {gini(shown.real, shown.predicted) or 0:.3f}")
    figure.axes[0].set_ylabel("share of revenue")
    figure.legend(*axes.get_legend_handles_labels(), loc="upper right", ncols=3)
    headline(figure, "Gains", "good: the forecast finds revenue as early as the oracle does")
    return figure


def _gains(axes: Axes, real: Array, predicted: Array) -> None:
    installs = np.arange(len(real) + 1) / len(real)
    steps = np.unique(np.geomspace(1, len(real), 400).astype(int))
    oracle, model = gains(real, real), gains(real, predicted)
    axes.plot(installs[steps], oracle[steps], color=TRUTH, linewidth=3, label="oracle")
    axes.plot(installs[steps], model[steps], color=MODEL, label="forecast")
    axes.plot(installs[steps], installs[steps], "--", color=MUTED, linewidth=1, label="random")
    for line, share in enumerate((0.01, 0.05, 0.10), start=1):
        top = max(1, round(share * len(real)))
        axes.plot(installs[top], model[top], "o", color=MODEL, markersize=4)
        axes.annotate(
            f"{model[top]:.0%} in top {share:.0%}",
            (installs[top], model[top]),
            (6, -8) if model[top] < 0.95 else (-20, -12 * line),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_xlim(min(installs[1], 0.5), 1)
    axes.set_ylim(0, 1.03)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("share of the installs, the best first")
