"""Segments booked in another unit, found.

A country booked in another currency brings tens of thousands of times the revenue per
event of all others. A model of the mean would be a model of that country, so training
leaves its installs out, and learns no more than its level from them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.inputs import Inputs
from revenue_model.model.schema import Schema
from revenue_model.training.tariff_fit import Installs

IMPLAUSIBLE = 100.0  # times the rate of all other installs
KNOWN_PAYERS = 5  # below, a category's rate is not known well enough
_MAX_OUTLIERS = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnitOutlier:
    """A category of one column, and how many times the others' rate its own is."""

    column: int
    category: int  # its lookup row
    factor: float

    def members(self, inputs: Inputs) -> NDArray[np.bool_]:
        return np.asarray(inputs.rows[self.column] == self.category)


def find_unit_outliers(installs: Installs, schema: Schema) -> list[UnitOutlier]:
    """Those among the segments, the worst first, each with a warning.

    A category is an outlier if its revenue per rough exposure is over `IMPLAUSIBLE` times
    that of all installs outside it, those of outliers already found brought to scale. One of
    more than half the exposure is the rule, and what is outside it is the exception.
    """
    inputs, revenue = installs.inputs, installs.revenue
    segments = [i for i, v in enumerate(installs.vocabularies) if v.name in schema.segments]
    exposure = rough_exposure(inputs.events, revenue)
    outliers: list[UnitOutlier] = []
    while segments and len(outliers) < _MAX_OUTLIERS:
        worst = max(
            (_worst(column, inputs.rows[column], exposure, revenue) for column in segments),
            key=lambda found: found.factor,
        )
        if worst.factor <= IMPLAUSIBLE:
            break
        outliers.append(worst)
        revenue = np.where(worst.members(inputs), revenue / worst.factor, revenue)
        vocabulary = installs.vocabularies[worst.column]
        _log.warning(
            "%s '%s' brings %.0f times the revenue per event of all others, as if in another "
            "unit or currency: the model learns its level, and nothing else from it.",
            vocabulary.name,
            vocabulary.categories[worst.category],
            worst.factor,
        )
    return outliers


def _worst(column: int, rows: Rows, exposure: Array, revenue: Array) -> UnitOutlier:
    payers = np.bincount(rows[revenue > 0], minlength=rows.max() + 1)
    money, exposed = np.bincount(rows, revenue), np.bincount(rows, exposure)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = money / exposed * (exposed.sum() - exposed) / (money.sum() - money)
    minority = 2 * exposed <= exposed.sum()
    known = (payers >= KNOWN_PAYERS) & np.isfinite(factor)
    factor = np.where(known & minority, factor, 0.0)
    return UnitOutlier(column, int(factor.argmax()), float(factor.max()))


def rough_exposure(events: Array, revenue: Array) -> Array:
    """Events weighted by what they bring the ordinary payer."""
    ordinary = np.minimum(revenue, np.quantile(revenue[revenue > 0], 0.9))
    counts = np.column_stack([np.ones(len(events)), np.nan_to_num(events)])
    scale = np.maximum(counts.max(axis=0), 1e-12)
    scaled = counts / scale
    weights, _ = nnls(scaled.T @ scaled, scaled.T @ ordinary)
    return np.asarray(scaled @ weights + 1e-3 * ordinary.mean())
