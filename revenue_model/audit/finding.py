"""What an audit has found: one thing about one column, or one value of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["missing", "spelling", "segment", "leakage", "duplicate", "constant"]
Severity = Literal["note", "warning", "alarm"]


@dataclass(frozen=True)
class Finding:
    """One thing about one column, or one value of it; shares are of all installs."""

    kind: Kind
    severity: Severity
    column: str
    value: str
    installs: int
    install_share: float
    message: str
    revenue_share: float | None = None
    factor: float | None = None  # times the revenue per event of the column's other values
    correlation: float | None = None  # with revenue, by rank


def percent(share: float) -> str:
    return f"{share:.0%}" if share == 1 else f"{float(f'{100 * share:.3g}'):g}%"
