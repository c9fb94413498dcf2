"""What `monitor` leaves in MLflow to look at: figures and one page of HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from revenue_model.evaluation.figures.style import (
    ALARM,
    MODEL,
    TRUTH,
    headline,
    label_of,
    style,
)
from revenue_model.prediction_log.binning import PSI_LIMITS

_COLOURS = {"none": MODEL, "moderate": TRUTH, "large": ALARM}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #22303c; max-width: 70rem;
       margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ border-bottom: 1px solid #e4e7eb; padding: .3rem .8rem; text-align: left }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def columns_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """A row per column of /drift: beside the training installs and the time before."""
    numbers = ["psi", "psi_before", "js", "superiority", "new_share", "missing_share"]
    rows = []
    for column in report["columns"]:
        reference, before = column["reference"], column["before"]
        best = reference or before or {}
        rows.append(
            {
                "column": column["column"],
                "verdict": column["verdict"],
                "why": "; ".join(best.get("reasons", [])),
                **{name: best.get(name) for name in numbers},
                "psi_before": before["psi"] if before else None,
            }
        )
    table = pd.DataFrame(rows, columns=["column", "verdict", "why", *numbers])
    return table.astype(dict.fromkeys(numbers, float))


@style
def drift_figure(columns: pd.DataFrame) -> Figure:
    """The PSI of each column, the worst on top; `columns` comes from `columns_table`."""
    shown = columns.iloc[::-1]
    figure = Figure(figsize=(8, 1.5 + 0.32 * max(len(shown), 1)))
    axes = figure.add_subplot()
    psi = shown["psi"].fillna(0).astype(float).clip(lower=0)
    names = [label_of(name) for name in shown["column"]]
    axes.barh(names, psi, color=[_COLOURS[verdict] for verdict in shown["verdict"]])
    for limit in PSI_LIMITS:
        axes.axvline(limit, color=TRUTH, linewidth=1, linestyle="--")
    axes.set_xlabel("PSI, less what chance brings; red is large by any of the sizes")
    headline(figure, "Drift", "good: short blue bars, left of both lines")
    return figure


def page(version: str, rules: pd.DataFrame, columns: pd.DataFrame, lines: list[str]) -> str:
    """The same as one page of HTML; texts of the log are escaped."""
    parts = [f"<p>{html.escape(line)}</p>" for line in lines]
    for title, table in (("Rules", rules), ("Drift by column", columns)):
        shown = table.to_html(index=False, border=0, na_rep="", float_format="{:.3g}".format)
        parts.append(f"<h2>{title}</h2>{shown}")
    title = html.escape(f"Is version {version} still good?")
    return _PAGE.format(title=title, body="".join(parts))
