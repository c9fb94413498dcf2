"""What the figures share: colours, texts, axes, and which installs are drawn.

Figures are made without pyplot: no window, no global state, nothing to close.
"""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from revenue_model.model.arrays import Array

INK, MUTED, GRID = "#22303c", "#7b8794", "#e4e7eb"
MODEL, TRUTH, ALARM = "#1f6feb", "#d9822b", "#c62f2f"
ABOVE: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
MAX_POINTS = 6_000  # more would hide each other

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


def label_of(text: str) -> str:
    """A text of the data as a label: two `$` would begin and end matplotlib's mathematics."""
    return text.replace("$", r"\$")


def headline(figure: Figure, title: str, reading: str) -> None:
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.01, 0.985 - 0.27 / figure.get_figheight(), reading, color=MUTED, va="top")


def sample(revenue: Array, seed: int, max_points: int = MAX_POINTS) -> NDArray[np.intp]:
    """Which installs to draw: all, or a random choice and the twenty largest."""
    if len(revenue) <= max_points:
        return np.arange(len(revenue))
    chosen = np.random.default_rng(seed).choice(len(revenue), max_points, replace=False)
    return np.union1d(chosen, np.argsort(revenue)[-20:])


def money_axis(axes: Axes, which: str, values: Array, unit: str) -> tuple[float, float]:
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
    ticks = [sign * 10.0**exponent for sign in signs for exponent in exponents[every - 1 :: every]]
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


def percent(share: float) -> str:
    """A share to two digits, as 99%, 4.2% or 0.031%; 100% is all of it."""
    if 0.995 <= share < 1:
        return f"{np.floor(1_000 * share) / 10:g}%"
    return f"{share:.0%}" if share >= 0.1 else f"{float(f'{100 * share:.2g}'):g}%"
