"""Is a tenth of the installs worth what was predicted?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from revenue_model.evaluation.figures.scales import money_axis
from revenue_model.evaluation.figures.style import ALARM, INK, MODEL, MUTED, TRUTH, style
from revenue_model.evaluation.figures.text import headline, label_of
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import decile_calibration_error, deciles


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
    axes.plot(
        table.index, table["predicted"], "o", color=MODEL, markersize=5, label="predicted"
    )
    money_axis(axes, "y", np.concatenate([table["real"], table["predicted"]]), unit)
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
