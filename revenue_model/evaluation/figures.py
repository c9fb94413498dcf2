"""The figures that show how good a forecast is and what it rests on.

Each title names what is drawn, the line below it says what a good forecast looks like.
Figures are made without pyplot: no window, no global state, nothing to close.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from revenue_model.evaluation.metrics import decile_calibration_error, deciles, gains, gini
from revenue_model.evaluation.segments import dominating_segment, segment_bias
from revenue_model.model.arrays import Array

INK, MUTED, GRID = "#22303c", "#7b8794", "#e4e7eb"
MODEL, TRUTH, ALARM = "#1f6feb", "#d9822b", "#c62f2f"
_POINTS = 6_000  # more would hide each other

style = matplotlib.rc_context(
    {
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "font.size": 9.5,
        "text.color": INK,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "grid.color": GRID,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
)


@style
def evaluation(
    real: Array,
    predicted: Array,
    segments: pd.DataFrame | None = None,
    *,
    revenue_low: Array | None = None,
    revenue_high: Array | None = None,
    level: float = 0.9,
    unit: str = "USD",
    seed: int = 0,
) -> dict[str, Figure]:
    """Every figure of a forecast, by name: the same arguments as `metrics.evaluate`.

    `level` is the coverage that the interval promises, `unit` the currency of revenue,
    `seed` draws the bootstrap and, of many installs, those that are shown as points.
    """
    unit = plain(unit)
    shown = {
        "calibration_by_decile": calibration(real, predicted, unit),
        "predicted_against_real": predicted_against_real(real, predicted, unit, seed),
        "residuals": residuals(real, predicted, unit, seed),
    }
    if real.sum() > 0:
        shown["gains"] = gains_curves(real, predicted, segments)
    if segments is not None and len(segments.columns) and real.sum() > 0:
        shown["bias_by_segment"] = bias(segment_bias(real, predicted, segments, seed=seed))
    if revenue_low is not None and revenue_high is not None:
        shown["interval_coverage"] = coverage(
            real, predicted, revenue_low, revenue_high, level, unit
        )
    return shown


@style
def calibration(real: Array, predicted: Array, unit: str = "USD") -> Figure:
    """Mean predicted and mean real revenue of each tenth of the installs by prediction."""
    table = deciles(real, predicted)
    error = decile_calibration_error(real, predicted)
    figure = Figure(figsize=(7, 4.2))
    axes = figure.add_subplot()
    axes.vlines(table.index, table["predicted"], table["real"], color=MUTED, linewidth=1)
    axes.plot(table.index, table["real"], "o", color=TRUTH, markersize=9, label="real")
    axes.plot(
        table.index, table["predicted"], "o", color=MODEL, markersize=5, label="predicted"
    )
    _money(axes, "y", np.concatenate([table["real"], table["predicted"]]), unit)
    for decile, row in table[table["real"] > 0].iterrows():
        ratio = row["predicted"] / row["real"]
        axes.annotate(
            f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
            (decile, max(row)),
            (0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=INK if abs(ratio - 1) < 0.2 else ALARM,
        )
    axes.set_xticks(table.index)
    axes.set_xlabel("tenth of the installs, the lowest predicted first")
    axes.set_ylabel(f"mean revenue ({unit})")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left")
    average = "" if error is None else f", {error:.0%} off on average"
    headline(
        figure, "Calibration by decile", f"good: dot in dot, predicted / real near 1{average}"
    )
    return figure


@style
def gains_curves(real: Array, predicted: Array, segments: pd.DataFrame | None = None) -> Figure:
    """Share of revenue in the best predicted installs; the oracle orders by real revenue.

    Again without the dominating segment, if `segments` has one.
    """
    panels = {"all installs": np.ones(len(real), bool)}
    dominating = None if segments is None else dominating_segment(real, segments)
    if dominating is not None and segments is not None:
        rest = ~dominating.members(segments)
        if real[rest].sum() > 0:
            panels[plain(f"without {dominating.column} {dominating.value}")] = rest
    figure = Figure(figsize=(4.6 * len(panels) + 0.4, 4.2))
    for axes, (title, chosen) in zip(
        np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels.items(), strict=True
    ):
        _gains(axes, real[chosen], predicted[chosen])
        axes.set_title(
            f"{title}: normalized Gini {gini(real[chosen], predicted[chosen]) or 0:.3f}"
        )
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
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("share of the installs, the best first")


@style
def predicted_against_real(
    real: Array, predicted: Array, unit: str = "USD", seed: int = 0
) -> Figure:
    """One point an install, both axes logarithmic down to the cents and linear to zero."""
    shown = _sample(real, seed)
    figure = Figure(figsize=(5.6, 5))
    axes = figure.add_subplot()
    both = np.concatenate([real, predicted])
    axes.plot(real[shown], predicted[shown], ".", color=MODEL, alpha=0.25, markersize=5, mew=0)
    limits = _money(axes, "x", both, unit)
    _money(axes, "y", both, unit)
    axes.plot(limits, limits, color=TRUTH, linewidth=1.5)
    axes.set_xlabel(f"real revenue ({unit})")
    axes.set_ylabel(f"predicted revenue ({unit})")
    headline(figure, "Predicted against real", "good: points along the line, at every size")
    return figure


@style
def residuals(real: Array, predicted: Array, unit: str = "USD", seed: int = 0) -> Figure:
    """What came in less what was predicted; and for payers their ratio."""
    shown = _sample(real, seed)
    figure = Figure(figsize=(9.2, 4.2))
    left, right = figure.subplots(1, 2)
    error = real - predicted
    left.plot(predicted[shown], error[shown], ".", color=MODEL, alpha=0.25, markersize=5, mew=0)
    left.axhline(0, color=TRUTH, linewidth=1.5)
    _money(left, "x", predicted, unit)
    _money(left, "y", error, unit)
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
        axes.set_title(plain(column), fontweight="bold")
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
        share = _percent(row.revenue_share)
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
    axes.set_yticks(range(len(table)), [plain(value) for value in table["value"]])
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.grid(axis="y", visible=False)


@style
def coverage(
    real: Array,
    predicted: Array,
    revenue_low: Array,
    revenue_high: Array,
    level: float = 0.9,
    unit: str = "USD",
) -> Figure:
    """How often the interval holds the real revenue, and how wide it is, by decile."""
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, min(10, len(real)))
    place = np.arange(1, len(parts) + 1)
    inside = (revenue_low <= real) & (real <= revenue_high)
    figure = Figure(figsize=(9.2, 4.2))
    left, right = figure.subplots(1, 2)
    left.axhline(level, color=TRUTH, linewidth=1.5, label=f"promised {level:.0%}")
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
        for values in (predicted, revenue_low, revenue_high)
    )
    right.fill_between(place, low, high, color=MODEL, alpha=0.2, linewidth=0, label="interval")
    right.plot(place, middle, "o-", color=MODEL, markersize=4, label="predicted")
    _money(right, "y", np.concatenate([middle, low, high]), unit)
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
    shown = _sample(next(iter(contributions.values())), seed, 1_500)
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
    left.set_yticks(range(len(names)), [plain(name) for name in names])
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


def _sample(revenue: Array, seed: int, most: int = _POINTS) -> NDArray[np.intp]:
    """Which installs to draw: all, or a random choice and the twenty largest."""
    if len(revenue) <= most:
        return np.arange(len(revenue))
    chosen = np.random.default_rng(seed).choice(len(revenue), most, replace=False)
    return np.union1d(chosen, np.argsort(revenue)[-20:])


def plain(text: str) -> str:
    """A text of the data as a label: two `$` would begin and end matplotlib's mathematics."""
    return text.replace("$", r"\$")


def headline(figure: Figure, title: str, reading: str) -> None:
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.01, 0.985 - 0.27 / figure.get_figheight(), reading, color=MUTED, va="top")


def _money(axes: Axes, which: str, values: Array, unit: str) -> tuple[float, float]:
    """Scale an axis so that cents and thousands are both read; returns its limits.

    Logarithmic in both directions from the size of a small payer, linear through zero.
    """
    size = np.abs(values[values != 0])
    small = 10.0 ** np.floor(np.log10(np.quantile(size, 0.05))) if len(size) else 1.0
    large = float(size.max()) if len(size) else 1.0
    lowest = float(values.min())
    limits = (1.6 * lowest if lowest < 0 else -small / 2, 1.6 * large)
    getattr(axes, f"set_{which}scale")("symlog", linthresh=small, linscale=0.5)
    axis = axes.xaxis if which == "x" else axes.yaxis
    signs = (1, -1) if lowest < 0 else (1,)
    exponents = np.arange(np.log10(small), np.log10(max(large, -lowest)) + 1e-9)
    every = -(-len(exponents) * len(signs) // (6 if which == "x" else 10))
    ticks = [
        sign * 10.0**exponent for sign in signs for exponent in exponents[every - 1 :: every]
    ]
    axis.set_ticks([tick for tick in [0.0, *ticks] if limits[0] <= tick <= limits[1]])
    axis.set_major_formatter(FuncFormatter(lambda value, _: _amount(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    getattr(axes, f"set_{which}lim")(*limits)
    return limits


def _amount(value: float) -> str:
    if value != 0 and not 1e-3 <= abs(value) < 1e7:
        return f"${'-' if value < 0 else ''}10^{{{np.log10(abs(value)):.0f}}}$"
    return f"{value:,.0f}" if abs(value) >= 1 else f"{value:g}"


def _percent(share: float) -> str:
    """A share to two digits, as 99%, 4.2% or 0.031%; 100% is all of it."""
    if 0.995 <= share < 1:
        return f"{np.floor(1_000 * share) / 10:g}%"
    return f"{share:.0%}" if share >= 0.1 else f"{float(f'{100 * share:.2g}'):g}%"
