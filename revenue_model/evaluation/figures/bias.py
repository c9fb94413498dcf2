"""Which segments are predicted too high or too low?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from revenue_model.evaluation.figures.scales import percent
from revenue_model.evaluation.figures.style import ALARM, MODEL, MUTED, TRUTH, style
from revenue_model.evaluation.figures.text import headline, label_of


@style
def bias(table: pd.DataFrame) -> Figure:
    """Predicted over real revenue by segment; `table` comes from `segments.segment_bias`."""
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
    headline(
        figure, "Bias by segment", "good: intervals that hold the line at 1; red ones do not"
    )
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
        share = percent(row.revenue_share)
        axes.annotate(
            f"{row.installs:,} installs, {share} of revenue",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=MUTED,
            annotation_clip=False,
        )
    axes.set_xscale("log")
    axes.set_xlim(1 / span, span)
    ticks = [
        t
        for t in (0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 5, 10)
        if 1 / span < t < span
    ]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(table)), [label_of(value) for value in table["value"]])
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.grid(axis="y", visible=False)
