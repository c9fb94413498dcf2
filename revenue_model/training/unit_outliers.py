"""Segments whose rate is a fault of unit rather than taste, found.

A country booked in another currency brings tens of thousands of times the revenue per
event of all others. A model of the mean would be a model of that country, so training
leaves its installs out, and learns no more than its level from them (see `training.fit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from revenue_model.model.arrays import Array, Rows

IMPLAUSIBLE = 100.0  # times the rate of all other installs
KNOWN_PAYERS = 5  # below, a category's rate is not known well enough
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Fault:
    """A category of one column, and how many times the others' rate its own is."""

    column: int
    category: int  # its lookup row
    factor: float


def find_faults(
    columns: Sequence[int], rows: Sequence[Rows], events: Array, revenue: Array
) -> list[Fault]:
    """The faults in `columns` of installs given as lookup rows, the worst first.

    A category is at fault if its revenue per rough exposure is over `IMPLAUSIBLE` times
    that of all installs outside it, those of faults already found brought to scale. One of
    more than half the exposure is the rule, and what is outside it is the exception.
    """
    exposure = rough_exposure(events, revenue)
    faults: list[Fault] = []
    while len(faults) < _MOST_FAULTS:
        worst = [_worst(column, rows[column], exposure, revenue) for column in columns]
        fault = max(worst, key=lambda found: found.factor, default=None)
        if fault is None or fault.factor <= IMPLAUSIBLE:
            break
        faults.append(fault)
        at_fault = rows[fault.column] == fault.category
        revenue = np.where(at_fault, revenue / fault.factor, revenue)
    return faults


def _worst(column: int, rows: Rows, exposure: Array, revenue: Array) -> Fault:
    payers = np.bincount(rows[revenue > 0], minlength=rows.max() + 1)
    money, exposed = np.bincount(rows, revenue), np.bincount(rows, exposure)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = money / exposed * (exposed.sum() - exposed) / (money.sum() - money)
    minority = 2 * exposed <= exposed.sum()
    known = (payers >= KNOWN_PAYERS) & np.isfinite(factor)
    factor = np.where(known & minority, factor, 0.0)
    return Fault(column, int(factor.argmax()), float(factor.max()))


def rough_exposure(events: Array, revenue: Array) -> Array:
    """Events weighted by what they bring the ordinary payer."""
    ordinary = np.minimum(revenue, np.quantile(revenue[revenue > 0], 0.9))
    counts = np.column_stack([np.ones(len(events)), np.nan_to_num(events)])
    scale = np.maximum(counts.max(axis=0), 1e-12)
    scaled = counts / scale
    weights, _ = nnls(scaled.T @ scaled, scaled.T @ ordinary)
    return np.asarray(scaled @ weights + 1e-3 * ordinary.mean())
