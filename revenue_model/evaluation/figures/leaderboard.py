"""Models beside each other."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from revenue_model.evaluation.baselines import OURS
from revenue_model.evaluation.figures.style import INK, MODEL, MUTED, style
from revenue_model.evaluation.figures.text import headline


@style
def leaderboard_figure(leaderboard: pd.DataFrame) -> Figure:
    """Deviance, absolute error, Gini and total bias of each model, the best on top.

    The last two without the dominating segment, if there is one: it would hide them.
    """
    shown = leaderboard.iloc[::-1]
    colours = [MODEL if name == OURS else MUTED for name in shown.index]
    rest, apart = ("_rest", ", the rest") if "gini_rest" in shown else ("", "")
    panels = {
        "tweedie_deviance": ("Tweedie deviance: low", "{:.3g}"),
        "mae": ("absolute error: low", "{:.3g}"),
        f"gini{rest}": (f"Gini{apart}: high", "{:.3f}"),
        f"total_bias{rest}": (f"bias{apart}: 1", "{:.3g}"),
    }
    figure = Figure(figsize=(10.5, 1.4 + 0.38 * len(shown)))
    for axes, (metric, (title, digits)) in zip(
        figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True
    ):
        values = shown[metric]
        axes.scatter(values, shown.index, c=colours, s=45)
        for place, (value, colour) in enumerate(zip(values, colours, strict=True)):
            axes.annotate(
                digits.format(value), (value, place), (0, 6), textcoords="offset points",
                ha="center", fontsize=8, color=INK if colour == MODEL else MUTED,
            )  # fmt: skip
        if not metric.startswith("gini"):
            axes.set_xscale("log")
        axes.set_xticks([])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.2, y=0.12)
        axes.set_title(title)
    headline(figure, "Models compared, out of fold", "the best on top, ours in blue")
    return figure
