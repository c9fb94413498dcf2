"""The figures of an audit: what is missing, what is far off, what gives revenue away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)

from revenue_model.evaluation.figures.style import (
    ABOVE,
    ALARM,
    INK,
    MODEL,
    MUTED,
    TRUTH,
    headline,
    label_of,
    style,
)
from revenue_model.model.schema import Schema


@style
def missing_values(missing: pd.Series) -> Figure:
    """The share of missing values of the columns that have any."""
    shares = missing[missing > 0].sort_values()
    figure, axes = _bars(shares, [MODEL] * len(shares), [f"{share:.2%}" for share in shares])
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, float(shares.max()) * 1.15)
    axes.set_xlabel("share of the installs")
    complete = len(missing) - len(shares)
    headline(figure, "Missing values", f"{complete} of {len(missing)} features have none")
    return figure


@style
def strength(correlations: pd.Series, findings: pd.DataFrame) -> Figure:
    """How well each feature alone orders the installs by revenue."""
    sizes = correlations.sort_values()
    suspect = set(findings.loc[findings["kind"] == "leakage", "column"])
    colours = [ALARM if name in suspect else MODEL for name in sizes.index]
    figure, axes = _bars(sizes, colours, [f"{size:.3f}" for size in sizes])
    axes.set_xlim(0, 1.1)
    axes.set_xlabel("rank correlation with revenue")
    headline(figure, "What goes with revenue", "red: so close that it may be revenue itself")
    return figure


@style
def distributions(table: pd.DataFrame, schema: Schema) -> Figure:
    """Revenue and every event and number of `table`: how many are zero, how large the rest.

    Revenue and events by powers of ten above zero, other numbers as they are.
    """
    names = [schema.target.name, *schema.events, *schema.numerics]
    rows = -(-len(names) // 4)
    figure = Figure(figsize=(2.6 * min(4, len(names)) + 0.6, 0.9 + 2.1 * rows))
    panels = figure.subplots(rows, min(4, len(names)), squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        title, values = label_of(name), table[name].dropna().to_numpy(np.float64)
        bins: Any = 30
        if name not in schema.numerics:
            shown = values[values > 0]
            title += f": {1 - len(shown) / max(len(values), 1):.0%} zero"
            values = shown
            axes.set_xscale("log")
            if len(shown):
                bins = np.geomspace(shown.min(), shown.max() * 1.001, 25)
        axes.hist(values, bins=bins, color=TRUTH if name == schema.target.name else MODEL)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_title(title)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    headline(figure, "Distributions", "what is above zero, by powers of ten")
    return figure


def _bars(values: pd.Series, colours: list[str], labels: list[str]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 1.5 + 0.3 * len(values)))
    axes = figure.add_subplot()
    bars = axes.barh([label_of(name) for name in values.index], values, color=colours, height=0.6)
    axes.bar_label(bars, labels, padding=4, fontsize=8, color=MUTED)
    axes.grid(axis="y", visible=False)
    return figure, axes


@style
def revenue_per_event(rates: pd.DataFrame) -> Figure:
    """Each segment value's revenue per event over that of its column's others."""
    columns = list(dict.fromkeys(rates["column"]))
    figure = Figure(figsize=(8, 1.4 + 0.75 * len(columns)))
    axes = figure.add_subplot()
    axes.axvline(1, color=MUTED, linewidth=1)
    rng = np.random.default_rng(0)
    for place, column in enumerate(reversed(columns)):
        rows = rates[rates["column"] == column]
        height = place + rng.uniform(-0.22, 0.22, len(rows))
        colours = np.where(rows["far"].astype(bool), ALARM, MODEL)
        size = 15 + 500 * np.sqrt(rows["install_share"])
        axes.scatter(rows["factor"], height, s=size, c=colours, alpha=0.55, linewidths=0)
        for row, at in zip(rows.itertuples(), height, strict=True):
            if row.far:
                label = (
                    f"{label_of(row.value)}: {row.install_share:.2%} of installs,\n"
                    f"{row.revenue_share:.1%} of revenue"
                )
                axes.annotate(label, (row.factor, at), (0, 12), color=ALARM, **ABOVE)
    axes.set_xscale("log")
    low, high = rates["factor"].min(), rates["factor"].max()
    axes.set_xlim(min(low / 3, 0.1), max(high * 5, 10))
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"x {value:,g}"))
    axes.set_yticks(range(len(columns)), [label_of(name) for name in columns[::-1]], color=INK)
    axes.set_ylim(-0.6, len(columns) - 0.1)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("revenue per event, over the column's other values")
    headline(
        figure, "Revenue per event by segment", "a dot a value, sized by installs; red: far off"
    )
    return figure
