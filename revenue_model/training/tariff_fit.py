"""How a tariff is learned from labelled installs.

Each term's relativities are found in turn, at the rates of all others, and shrunk to the
typical rate by how little is known of them; then the events' weights, at those rates.

Source: Bailey & Simon (1960), "Two studies in automobile insurance ratemaking", for
relativities found term by term; Bühlmann & Straub (1970) for their credibility.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.inputs import Inputs
from revenue_model.model.tariff import Interaction, Tariff
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.tweedie import POWER

_NO_EVENTS = 1e-7  # exposure of an install without events, of the typical one's
_ITERATIONS = 8
_MAX_FACTOR = 30.0  # times the typical rate that count in the spread of the categories
_PRIOR_CLASSES = 1.0  # weight of the assumption that categories differ by 10%
_PRIOR_VARIANCE = 0.01

Term = tuple[int, ...]  # of the tariff: the index of a column, or those of a pair


@dataclass(frozen=True)
class Installs:
    """Labelled installs; revenue in USD."""

    vocabularies: Sequence[Vocabulary]
    inputs: Inputs
    revenue: Array

    def subset(self, chosen: Any) -> Self:
        """The installs at a mask, an index or a slice."""
        return replace(self, inputs=self.inputs.subset(chosen), revenue=self.revenue[chosen])


@dataclass(frozen=True)
class TariffSpec:
    """Which terms a tariff has, and how far it shrinks them.

    The terms stand in the order in which they explain the rate: what two of them could
    explain goes to the first. With `shrinkage` times the weight that Bühlmann and Straub
    give it, a category is shrunk to the typical rate.
    """

    terms: tuple[Term, ...]
    shrinkage: float


def fit_tariff(installs: Installs, spec: TariffSpec) -> Tariff:
    """Learn the tariff that `spec` describes."""
    rows, events, revenue = installs.inputs.rows, installs.inputs.events, installs.revenue
    exposure_fit = _ExposureFit(events)
    exposure = exposure_fit.start()
    classes = [_Classes.of(term, installs.vocabularies, rows) for term in spec.terms]
    relativity = [np.zeros(each.size) for each in classes]
    log_rate = np.zeros(len(revenue))
    base = 0.0
    for _ in range(_ITERATIONS):
        for index, each in enumerate(classes):
            log_rate -= relativity[index][each.rows]
            level, relativity[index] = _relativities(
                each, revenue / np.exp(log_rate + base), exposure, spec.shrinkage
            )
            base += level
            log_rate += relativity[index][each.rows]
        if not spec.terms:
            base += float(np.log(revenue.sum() / (np.exp(base) * exposure).sum()))
        exposure = exposure_fit.step(revenue / np.exp(log_rate + base), exposure)
    by_term = dict(zip(spec.terms, relativity, strict=True))
    sizes = [len(vocabulary) for vocabulary in installs.vocabularies]
    weights = exposure_fit.weights
    return Tariff(
        base=base,
        relativities=tuple(by_term.get((i,), np.zeros(size)) for i, size in enumerate(sizes)),
        payer_rates=_payer_rates(installs),
        interactions=tuple(
            Interaction(*term, each.reshape([sizes[index] for index in term]))
            for term, each in by_term.items()
            if len(term) == 2
        ),
        intercept=float(weights[0]),
        weights=weights[1 : 1 + events.shape[1]],
        when_missing=weights[1 + events.shape[1] :],
    )


def _payer_rates(installs: Installs) -> tuple[Array, ...]:
    rows = installs.inputs.rows
    paying = (installs.revenue > 0).astype(np.float64)
    columns = [_Classes.of((i,), installs.vocabularies, rows) for i in range(len(rows))]
    one = np.ones(len(paying))
    return tuple(_relativities(column, paying, one, shrinkage=1.0)[1] for column in columns)


@dataclass(frozen=True)
class _Classes:
    """The classes of a term: the categories of a column, or the cells of a pair."""

    size: int  # of the term's table
    count: int  # of the classes, which are its first rows
    rows: Rows  # of each install
    stems: Rows | None  # the row of each class's stem; None where none is shared

    @classmethod
    def of(cls, term: Term, vocabularies: Sequence[Vocabulary], rows: Sequence[Rows]) -> _Classes:
        if len(term) == 2:
            sizes = [len(vocabularies[index]) for index in term]
            cells = np.ravel_multi_index([rows[index] for index in term], sizes)
            size = sizes[0] * sizes[1]
            return cls(size, size, cells.astype(np.int32), None)
        (index,) = term
        column = vocabularies[index]
        count = len(column.categories)
        shared = len(column.stems) < count
        return cls(len(column), count, rows[index], column.stem_rows if shared else None)


class _ExposureFit:
    """Finds the events' weights: a Tweedie regression with identity link, none negative."""

    def __init__(self, events: Array) -> None:
        missing = np.isnan(events)
        self._matrix = np.column_stack(
            [np.ones(len(events)), np.where(missing, 0.0, events), missing]
        )
        self.weights = np.zeros(self._matrix.shape[1])

    def start(self) -> Array:
        """Before any rate is known: every event counts by its own mean."""
        events = self._matrix.shape[1] // 2
        mean = self._matrix[:, 1 : 1 + events].mean(axis=0)
        self.weights[0] = 1.0 if not events else 0.1
        self.weights[1 : 1 + events] = 1.0 / np.maximum(mean, 1e-9)
        return np.asarray(self._matrix @ self.weights)

    def step(self, revenue: Array, exposure: Array) -> Array:
        """One step of reweighted least squares on revenue at rate 1; the new exposure."""
        weight = exposure ** (-POWER / 2)
        x = self._matrix * weight[:, None]
        norm = np.maximum(np.sqrt(np.square(x).sum(axis=0)), 1e-300)
        x /= norm
        solution, _ = nnls(x.T @ x, x.T @ (revenue * weight))
        self.weights = solution / norm
        exposure = np.asarray(self._matrix @ self.weights)
        mean = exposure.mean()
        unit = np.median(exposure[exposure > 1e-3 * mean]) if mean > 0 else 1.0
        self.weights[0] = max(self.weights[0], _NO_EVENTS * unit)
        self.weights /= unit
        return np.asarray(self._matrix @ self.weights)


def _relativities(
    classes: _Classes, revenue: Array, exposure: Array, shrinkage: float
) -> tuple[float, Array]:
    """The log of the typical rate and of each row's relativity, of one term.

    `revenue` is that at the rate of all other terms.
    """
    rows, size, count, stems = classes.rows, classes.size, classes.count, classes.stems
    weight = exposure ** (2 - POWER)
    rate = revenue / exposure
    weights, sums, squares = (
        np.bincount(rows, each, size)[:count].astype(float)
        for each in (weight, weight * rate, weight * np.square(rate))
    )
    typical = max(float(sums.sum() / weights.sum()), 1e-300)
    installs = np.bincount(rows, minlength=size)[:count]
    deviation = _deviation(installs, weights, sums, squares)
    sums = sums / typical
    log_rate = np.zeros(size)
    expected = weights
    if stems is not None:
        of_stem = np.bincount(stems, weights, size).astype(float)
        sums_of_stem = np.bincount(stems, sums, size).astype(float)
        factor = _credible(sums_of_stem, of_stem, deviation, shrinkage)
        log_rate = np.log(factor)
        log_rate[:count] = log_rate[stems]
        expected = weights * factor[stems]
    log_rate[:count] += np.log(_credible(sums, expected, deviation, shrinkage))
    return float(np.log(typical)), log_rate


def _deviation(installs: NDArray[np.intp], weights: Array, sums: Array, squares: Array) -> float:
    """The squared deviation of installs from their category, relative to its rate.

    From each category's number of installs and the weighted sums of 1, of the rate and of
    its square. A category without revenue does not count.
    """
    known = sums > 0
    mean = sums[known] / weights[known]
    relative = squares[known] / np.square(mean) - weights[known]
    freedom = max(installs[known].sum() - known.sum(), 1)
    return max(float(relative.sum() / freedom), 0.0)


def _credible(sums: Array, expected: Array, deviation: float, shrinkage: float) -> Array:
    """Each category's factor, shrunk to 1 by its Bühlmann-Straub credibility."""
    known = expected > 0
    total, classes = expected.sum(), np.count_nonzero(known)
    factor = np.where(known, sums / np.maximum(expected, 1e-300), 1.0)
    clipped = np.clip(factor, 1 / _MAX_FACTOR, _MAX_FACTOR)
    spread = expected @ np.square(clipped - 1) - (classes - 1) * deviation
    room = max(total - np.square(expected).sum() / max(total, 1e-300), 1e-300)
    variance = max(spread / room, 0.0)
    variance = (classes * variance + _PRIOR_CLASSES * _PRIOR_VARIANCE) / (classes + _PRIOR_CLASSES)
    weight = max(shrinkage * deviation / variance, 1e-300)  # what is unknown has the factor 1
    return np.asarray((sums + weight) / (expected + weight))
