"""What is wrong with a table of installs, found before a model is trained on it.

An audit never changes the table and never stops anything: it names columns and values in
`Audit.findings`, and the caller decides what an alarm means.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import mlflow
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from revenue_model.audit import checks, figures
from revenue_model.model.schema import Schema

_SHOWN = 3  # examples in a message


@dataclass(frozen=True)
class Audit:
    """The findings, the worst first, and what the figures are drawn from."""

    findings: pd.DataFrame  # a row per `Finding`
    installs: int
    payer_share: float
    missing: pd.Series  # share by feature
    rates: pd.DataFrame  # a row per segment value: its revenue per event over the typical
    correlations: pd.Series  # with revenue by rank, by feature

    @property
    def alarming(self) -> list[str]:
        """The messages of the alarms: reasons not to train on this table."""
        return list(self.findings.loc[self.findings["severity"] == "alarm", "message"])

    def text(self) -> str:
        """A short report: counts, then a line per finding."""
        marks = {"alarm": "ALARM  ", "warning": "warning", "note": "note   "}
        head = (
            f"{self.installs:,} installs, {self.payer_share:.1%} with revenue; "
            f"findings: {len(self.findings)}, of them alarms: {len(self.alarming)}."
        )
        found = self.findings.groupby(["column", "kind"], sort=False)
        lines = [head]
        for _, rows in found:
            shown = rows.head(_SHOWN)
            lines += [f"{marks[row.severity]}  {row.message}" for row in shown.itertuples()]
            if len(rows) > _SHOWN:
                lines[-1] += f" And {len(rows) - _SHOWN} more like this."
        return "\n".join(lines) + "\n"

    def figures(self) -> dict[str, Figure]:
        """By name; without what the table has no data for."""
        drawn = {"correlations": figures.strength(self.correlations, self.findings)}
        if (self.missing > 0).any():
            drawn["missing"] = figures.missing_values(self.missing)
        if len(self.rates):
            drawn["revenue_per_event"] = figures.revenue_per_event(self.rates)
        return drawn


def audit(table: pd.DataFrame, schema: Schema) -> Audit:
    """Look through labelled installs as `read_table` returns them."""
    revenue = table[schema.target.name].to_numpy(np.float64)
    missing = table[list(schema.features)].isna().mean()
    rates = checks.rates_by_segment(table, schema, revenue)
    correlations = checks.correlations(table, schema, revenue)
    found = [
        *checks.segment_findings(rates),
        *checks.leakage(correlations, len(table)),
        *checks.missing(missing, len(table)),
        *checks.constant(table, schema),
        *checks.spelling(table, schema),
        *checks.duplicates(table, schema, revenue),
    ]
    order = ("alarm", "warning", "note")
    found.sort(key=lambda finding: order.index(finding.severity))
    return Audit(
        findings=pd.DataFrame(found, columns=[each.name for each in fields(checks.Finding)]),
        installs=len(table),
        payer_share=float((revenue > 0).mean()),
        missing=missing,
        rates=rates,
        correlations=correlations,
    )


def log_audit(found: Audit) -> None:
    """Log table, text and figures to the active MLflow run, under ``audit/``."""
    mlflow.log_table(found.findings, "audit/findings.json")
    mlflow.log_text(found.text(), "audit/audit.txt")
    for name, figure in found.figures().items():
        mlflow.log_figure(figure, f"audit/{name}.png")
