"""The tariff: revenue as a rate times the events, the rate as a product over categories.

Insurers price so, and installs pay so: a user's revenue is the number of events times what
an event is worth in the country, on the platform, on the device. The tariff is the
starting point of the trees (XGBoost's `base_margin`), which learn only what it misses.
Where two columns together say more than each alone, as a network that buys well in some
countries, the pair has relativities of its own.

Beside its price each category has a payer rate, for the trees: amounts are heavy-tailed, so
how many pay is known far better than what they bring.

Source: Bailey & Simon (1960), "Two studies in automobile insurance ratemaking", for
relativities found term by term; Bühlmann & Straub (1970) for their credibility.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.vocabulary import Vocabulary

POWER = 1.5  # of the Tweedie variance, mean ** POWER
_NO_EVENTS = 1e-7  # exposure of an install without events, of the typical one's
_ROUNDS = 8
_FURTHEST = 30.0  # times the typical rate that count in the spread of the categories
_PRIOR_CLASSES = 1.0  # weight of the assumption that categories differ by 10%
_PRIOR_VARIANCE = 0.01

Term = tuple[int, ...]  # of the tariff: the index of a column, or those of a pair


@dataclass(frozen=True)
class Cross:
    """What two categorical columns together add to the log rate."""

    first: int
    second: int
    relativity: Array  # by the lookup rows of both; 0 is what each says alone

    def log_rate(self, rows: Sequence[Rows]) -> Array:
        return np.asarray(self.relativity[rows[self.first], rows[self.second]])


@dataclass(frozen=True)
class Tariff:
    """log revenue = base + a relativity per column and per pair of columns + log exposure.

    The exposure is `intercept` + events @ `weights`, where a missing event counts as
    `when_missing`. Without events it is 1.
    """

    base: float
    relativities: tuple[Array, ...]  # by column, logs of each lookup row; 0 is the typical rate
    payer_rates: tuple[Array, ...]  # likewise; 0 is the typical share of payers
    crosses: tuple[Cross, ...]
    intercept: float
    weights: Array
    when_missing: Array

    @classmethod
    def fit(
        cls,
        vocabularies: Sequence[Vocabulary],
        rows: Sequence[Rows],
        events: Array,
        revenue: Array,
        terms: Sequence[Term],
        caution: float,
    ) -> Self:
        """Learn from installs given as lookup rows by column, events and revenue in USD.

        `terms` stand in the order in which they explain the rate: what two of them could
        explain goes to the first. With `caution` times the weight that Bühlmann and Straub
        give it, a category is shrunk to the typical rate.
        """
        exposure_of = _ExposureFit(events)
        exposure = exposure_of.start()
        classes = [_Classes.of(term, vocabularies, rows) for term in terms]
        relativity = [np.zeros(each.size) for each in classes]
        log_rate = np.zeros(len(revenue))
        base = 0.0
        for _ in range(_ROUNDS):
            for index, each in enumerate(classes):
                log_rate -= relativity[index][each.rows]
                level, relativity[index] = _relativities(
                    each, revenue / np.exp(log_rate + base), exposure, caution
                )
                base += level
                log_rate += relativity[index][each.rows]
            if not terms:
                base += float(np.log(revenue.sum() / (np.exp(base) * exposure).sum()))
            exposure = exposure_of.fit(revenue / np.exp(log_rate + base), exposure)
        found = dict(zip(terms, relativity, strict=True))
        lengths = [len(vocabulary) for vocabulary in vocabularies]
        columns = [_Classes.of((i,), vocabularies, rows) for i in range(len(lengths))]
        paying, one = (revenue > 0).astype(np.float64), np.ones(len(revenue))
        weights = exposure_of.weights
        return cls(
            base,
            tuple(found.get((i,), np.zeros(length)) for i, length in enumerate(lengths)),
            tuple(_relativities(column, paying, one, caution=1.0)[1] for column in columns),
            tuple(
                Cross(*term, each.reshape([lengths[index] for index in term]))
                for term, each in found.items()
                if len(term) == 2
            ),
            weights[0],
            weights[1 : 1 + events.shape[1]],
            weights[1 + events.shape[1] :],
        )

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """From the lists of its JSON form."""
        return cls(
            base=plain["base"],
            relativities=tuple(map(np.array, plain["relativities"])),
            payer_rates=tuple(map(np.array, plain["payer_rates"])),
            crosses=tuple(
                Cross(each["first"], each["second"], np.array(each["relativity"]))
                for each in plain["crosses"]
            ),
            intercept=plain["intercept"],
            weights=np.array(plain["weights"]),
            when_missing=np.array(plain["when_missing"]),
        )

    def log_rate(self, rows: Sequence[Rows]) -> Array:
        """The log of USD per unit of exposure of each install."""
        alone = _sum_of(self.relativities, rows)
        return self.base + sum((cross.log_rate(rows) for cross in self.crosses), alone)

    def log_exposure(self, events: Array) -> Array:
        """The log of each install's weighted events."""
        return np.asarray(np.log(self.intercept + self._weighted(events).sum(axis=1)))

    def exposure_shares(self, events: Array) -> Array:
        """(installs, events): each event's share of the exposure; the rest is the intercept's.

        Installs without any exposure share theirs equally.
        """
        weighted = self._weighted(events) + self.intercept / events.shape[1]
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))

    def _weighted(self, events: Array) -> Array:
        missing = np.isnan(events)
        return np.where(
            missing, self.when_missing, np.where(missing, 0.0, events) * self.weights
        )


def _sum_of(tables: Sequence[Array], rows: Sequence[Rows]) -> Array:
    total = np.zeros(len(rows[0])) if rows else np.zeros(1)
    for table, row in zip(tables, rows, strict=True):
        total += table[row]
    return total


@dataclass(frozen=True)
class _Classes:
    """The classes of a term: the categories of a column, or the cells of a pair."""

    size: int  # of the term's table
    count: int  # of the classes, which are its first rows
    rows: Rows  # of each install
    stems: Rows | None  # the row of each class's stem; None where none is shared

    @classmethod
    def of(
        cls, term: Term, vocabularies: Sequence[Vocabulary], rows: Sequence[Rows]
    ) -> _Classes:
        columns = [vocabularies[index] for index in term]
        sizes = [len(column) for column in columns]
        if len(term) == 2:
            cells = np.ravel_multi_index([rows[index] for index in term], sizes)
            size = sizes[0] * sizes[1]
            return cls(size, size, cells.astype(np.int32), None)
        (column,), (size,), (index,) = columns, sizes, term
        count = len(column.categories)
        shared = len(column.stems) < count
        return cls(size, count, rows[index], column.stem_rows if shared else None)


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

    def fit(self, revenue: Array, exposure: Array) -> Array:
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
    classes: _Classes, revenue: Array, exposure: Array, caution: float
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
        factor = _credible(sums_of_stem, of_stem, deviation, caution)
        log_rate = np.log(factor)
        log_rate[:count] = log_rate[stems]
        expected = weights * factor[stems]
    log_rate[:count] += np.log(_credible(sums, expected, deviation, caution))
    return float(np.log(typical)), log_rate


def _deviation(
    installs: NDArray[np.intp], weights: Array, sums: Array, squares: Array
) -> float:
    """The squared deviation of installs from their category, relative to its rate.

    From each category's number of installs and the weighted sums of 1, of the rate and of
    its square. A category that brought nothing says nothing.
    """
    known = sums > 0
    mean = sums[known] / weights[known]
    relative = squares[known] / np.square(mean) - weights[known]
    freedom = max(installs[known].sum() - known.sum(), 1)
    return max(float(relative.sum() / freedom), 0.0)


def _credible(sums: Array, expected: Array, deviation: float, caution: float) -> Array:
    """Each category's factor, shrunk to 1 by its Bühlmann-Straub credibility."""
    known = expected > 0
    total, classes = expected.sum(), np.count_nonzero(known)
    factor = np.where(known, sums / np.maximum(expected, 1e-300), 1.0)
    clipped = np.clip(factor, 1 / _FURTHEST, _FURTHEST)
    spread = expected @ np.square(clipped - 1) - (classes - 1) * deviation
    room = max(total - np.square(expected).sum() / max(total, 1e-300), 1e-300)
    variance = max(spread / room, 0.0)
    variance = (classes * variance + _PRIOR_CLASSES * _PRIOR_VARIANCE) / (
        classes + _PRIOR_CLASSES
    )
    weight = max(caution * deviation / variance, 1e-300)  # what is unknown has the factor 1
    return np.asarray((sums + weight) / (expected + weight))
