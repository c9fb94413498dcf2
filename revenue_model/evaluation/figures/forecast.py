"""How good is a forecast, and what does it rest on? A figure for each question."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from revenue_model.evaluation.figures.style import (
    ABOVE,
    ALARM,
    INK,
    MODEL,
    MUTED,
    TRUTH,
    headline,
    label_of,
    money_axis,
    percent,
    sample,
    style,
)
from revenue_model.evaluation.forecast import Forecast, Interval
from revenue_model.evaluation.metrics import decile_calibration_error, deciles, gains, gini
from revenue_model.evaluation.segment_bias import bias_figure, segment_bias
from revenue_model.model.arrays import Array


def evaluation_figures(forecast: Forecast, seed: int = 0) -> dict[str, Figure]:
    """The figures that there is data for, by name.

    `seed` draws the bootstrap and, of many installs, those that are shown as points.
    """
    shown = {
        "calibration_by_decile": calibration(forecast),
        "predicted_against_real": predicted_against_real(forecast, seed),
        "residuals": residuals(forecast, seed),
    }
    if forecast.real.sum() > 0:
        shown["gains"] = gains_curves(forecast)
        if len(forecast.segments.columns):
            shown["bias_by_segment"] = bias_figure(segment_bias(forecast, seed=seed))
    if forecast.interval is not None:
        shown["interval_coverage"] = coverage(forecast, forecast.interval)
    return shown


@style
def calibration(forecast: Forecast) -> Figure:
    """Mean predicted and mean real revenue of each tenth of the installs by prediction."""
    real, predicted, unit = forecast.real, forecast.predicted, label_of(forecast.unit)
    table = deciles(real, predicted)
    error = decile_calibration_error(real, predicted)
    figure = Figure(figsize=(7, 4.2))
    axes = figure.add_subplot()
    axes.vlines(table.index, table["predicted"], table["real"], color=MUTED, linewidth=1)
    axes.plot(table.index, table["real"], "o", color=TRUTH, markersize=9, label="real")
    axes.plot(table.index, table["predicted"], "o", color=MODEL, markersize=5, label="predicted")
    money_axis(axes, "y", np.concatenate([table["real"], table["predicted"]]), unit)
    for decile, row in table[table["real"] > 0].iterrows():
        ratio = row["predicted"] / row["real"]
        text = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
        colour = INK if abs(ratio - 1) < 0.2 else ALARM
        axes.annotate(text, (decile, max(row)), (0, 8), color=colour, **ABOVE)
    axes.set_xticks(table.index)
    axes.set_xlabel("tenth of the installs, the lowest predicted first")
    axes.set_ylabel(f"mean revenue ({unit})")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left")
    average = "" if error is None else f", {error:.0%} off on average"
    headline(figure, "Calibration by decile", f"good: dot in dot, predicted / real near 1{average}")
    return figure


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
    headline(figure, "Interval coverage by decile", "good: on the line in every tenth, and narrow")
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
        name: float(np.abs(values - values.mean()).mean()) for name, values in contributions.items()
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
        dots = right.scatter(shift, height, c=rank, cmap="coolwarm", s=7, alpha=0.6, linewidths=0)
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
