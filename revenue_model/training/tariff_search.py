"""Which tariff to start the trees from, and what it says of installs it has not seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from revenue_model.model.arrays import Array, Matrix
from revenue_model.model.estimator import Inputs, features, log_tariff_of
from revenue_model.model.features import encodings
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import POWER, Tariff, Term
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.boosting import Folds, Round, Told
from revenue_model.training.settings import MIN_FOLDS

# One install whose events were lost can outweigh all others, and would choose the model:
# none counts more than the one at this quantile of the deviance.
WORST = 0.999
_ENOUGH_ROWS = 30_000  # to see whether a column helps the tariff
_ENOUGH_PAYERS = 30  # likewise
_CAUTIONS = (30.0, 10.0, 3.0, 1.0)
_USUAL = 10.0  # the caution to choose terms by
_INSTALLS_A_CELL = 10  # at least, on average; of fewer, a pair knows nothing
_MOST_PAIRS = 10  # that are tried, for each try fits whole tariffs


@dataclass(frozen=True)
class Installs:
    """Labelled installs as a tariff sees them; revenue in USD."""

    vocabularies: Sequence[Vocabulary]
    inputs: Inputs
    revenue: Array

    def part(self, chosen: Any) -> Self:
        """The installs at a mask, an index or a slice."""
        return replace(self, inputs=self.inputs.part(chosen), revenue=self.revenue[chosen])

    def folds(self, folds: Folds) -> Iterator[tuple[NDArray[np.bool_], Self, Self]]:
        """For each fold its mask, the installs outside and those inside."""
        for fold in np.unique(folds):
            held = folds == fold
            yield held, self.part(~held), self.part(held)


@dataclass(frozen=True)
class TariffPlan:
    """Which terms a tariff has, in which order, and how far it shrinks them."""

    terms: tuple[Term, ...]
    caution: float

    def fit(self, installs: Installs) -> Tariff:
        return Tariff.fit(
            installs.vocabularies,
            installs.inputs.rows,
            installs.inputs.events,
            installs.revenue,
            self.terms,
            self.caution,
        )


def make_plan(installs: Installs, schema: Schema, folds: Folds) -> TariffPlan:
    """The simplest tariff among those of the least out-of-fold deviance.

    Segments come first, then the columns of fewer categories, then pairs of these; one that
    does not help is left to the trees.
    """
    vocabularies = installs.vocabularies
    segments = [i for i, v in enumerate(vocabularies) if v.name in schema.segments]
    chosen = slice(None, None, max(1, len(folds) // _ENOUGH_ROWS))
    if (installs.revenue[chosen] > 0).sum() < _ENOUGH_PAYERS:
        chosen = slice(None)
    some = installs.part(chosen)
    some_folds = folds_of_payers(folds[chosen] % 3, some.revenue, 3)

    @cache
    def misses(plan: TariffPlan) -> Array:
        return _misses(plan, some, some_folds)

    def simplest_of(plans: Sequence[TariffPlan]) -> TariffPlan:
        return plans[simplest([misses(plan) for plan in plans])]

    def with_those_of_use(plan: TariffPlan, terms: Iterable[Term]) -> TariffPlan:
        for term in terms:
            plan = simplest_of([plan, replace(plan, terms=(*plan.terms, term))])
        return plan

    def cells(term: Term) -> int:
        return math.prod(len(vocabularies[index].categories) for index in term)

    columns = [(index,) for index in range(len(vocabularies))]
    columns.sort(key=lambda term: (term[0] not in segments, cells(term)))
    plan = with_those_of_use(TariffPlan((), _USUAL), columns)
    most = len(some.revenue) / _INSTALLS_A_CELL
    pairs = [first + second for first, second in combinations(plan.terms, 2)]
    pairs = [pair for pair in pairs if cells(pair) <= most]
    if len(pairs) > _MOST_PAIRS:
        pairs = _those_that_say_most(pairs, plan, some, some_folds)
    plan = with_those_of_use(plan, pairs)
    return simplest_of([replace(plan, caution=caution) for caution in _CAUTIONS])


def folds_of_payers(folds: Folds, revenue: Array, count: int) -> Folds:
    """`folds`, or where payers are so alike that few folds have any, `count` by revenue."""
    if len(np.unique(folds[revenue > 0])) >= MIN_FOLDS:
        return folds
    return (revenue.argsort().argsort() % count).astype(np.int16)


def _those_that_say_most(
    pairs: Sequence[Term], plan: TariffPlan, installs: Installs, folds: Folds
) -> list[Term]:
    """`_MOST_PAIRS` of them, in their order: those that add most to what `plan` says."""
    expected = _out_of_fold(plan, installs, folds)
    beyond = replace(installs, inputs=replace(installs.inputs, events=expected[:, None]))
    misses = [_misses(TariffPlan((pair,), _USUAL), beyond, folds).mean() for pair in pairs]
    return [pairs[index] for index in np.sort(np.argsort(misses)[:_MOST_PAIRS])]


def simplest(misses: Sequence[Array]) -> int:
    """Which of several models to take, given their misses by install, the simplest first.

    It is the first that is not worse than the best by more than the standard error of the
    difference, or chance would choose.

    Source: the one-standard-error rule of Breiman et al. (1984), "Classification and
    Regression Trees", on paired differences.
    """
    best = min(range(len(misses)), key=lambda index: misses[index].mean())
    for index, each in enumerate(misses[:best]):
        worse = each - misses[best]
        if worse.mean() <= worse.std() / np.sqrt(len(worse)):
            return index
    return best


def _misses(plan: TariffPlan, installs: Installs, folds: Folds) -> Array:
    misses = deviance(installs.revenue, _out_of_fold(plan, installs, folds))
    return np.minimum(misses, np.quantile(misses, WORST))


def _out_of_fold(plan: TariffPlan, installs: Installs, folds: Folds) -> Array:
    """The revenue that each fold's installs are expected to bring, by all others."""
    expected = np.empty(len(folds))
    for held, others, inside in installs.folds(folds):
        expected[held] = np.exp(log_tariff_of(plan.fit(others), inside.inputs))
    return expected


@dataclass(frozen=True)
class CrossFitTeller:
    """Tells the trees of installs, of each by the tariff of its fold."""

    tariffs: Mapping[int, Tariff]

    def __call__(self, inputs: Inputs, folds: Folds) -> tuple[Matrix, Array]:
        """The features and the log of the revenue by tariff, of installs in these folds."""
        parts, log_tariff = [], np.empty(len(folds))
        for fold in np.unique(folds).tolist():
            tariff = self.tariffs[fold]
            part, log_tariff[folds == fold] = features(
                tariff, encodings(tariff), inputs.part(folds == fold)
            )
            parts.append(part)
        x = np.empty((len(folds), parts[0].shape[1]), np.float32)
        x[np.argsort(folds, kind="stable")] = np.concatenate(parts)
        return x, log_tariff


class CrossFit:
    """What the trees are told of training installs, by tariffs that never saw their revenue.

    The rounds of the cross-validation are nested: what their training installs are told is
    cross-fitted again without the installs held back, or the trees would hear of these by
    the tariffs of the others.
    """

    def __init__(self, plan: TariffPlan, installs: Installs, folds: Folds) -> None:
        self._plan, self._installs, self._folds = plan, installs, folds
        self._tariffs: dict[frozenset[int], Tariff] = {}

    def tariff(self, without: frozenset[int] = frozenset()) -> Tariff:
        """The tariff of the installs outside the folds `without`."""
        if without not in self._tariffs:
            others = self._installs.part(~np.isin(self._folds, list(without)))
            self._tariffs[without] = self._plan.fit(others)
        return self._tariffs[without]

    def told(self, without: frozenset[int] = frozenset()) -> Told:
        """Of the installs outside the folds `without`."""
        whole, tariffs = self.tariff(without), {}
        for fold in sorted(set(self._folds.tolist()) - without):
            tariff = self.tariff(without | {fold})
            # A fold's own level would be noise to the trees, and the level is no secret.
            others = self._installs.part(~np.isin(self._folds, [*without, fold])).inputs
            gap = float(np.median(log_tariff_of(whole, others) - log_tariff_of(tariff, others)))
            tariffs[fold] = replace(tariff, base=tariff.base + gap)
        return self._told_by(tariffs)

    def rounds(self) -> list[Round]:
        """One for each fold."""
        return [
            Round(
                self.told(frozenset([fold])),
                self._told_by({fold: self.tariff(frozenset([fold]))}),
            )
            for fold in np.unique(self._folds).tolist()
        ]

    def _told_by(self, tariffs: dict[int, Tariff]) -> Told:
        """Of the installs in the folds of `tariffs`, each by its fold's tariff."""
        installs = np.flatnonzero(np.isin(self._folds, list(tariffs))).astype(np.int32)
        return Told(installs, self._installs.inputs, self._folds, CrossFitTeller(tariffs))


def deviance(real: Array, expected: Array) -> Array:
    """The Tweedie deviance of each install, at least 0."""
    saturated = real ** (2 - POWER) / ((1 - POWER) * (2 - POWER))
    of_real = real * expected ** (1 - POWER) / (1 - POWER)
    return np.asarray(2 * (saturated - of_real + expected ** (2 - POWER) / (2 - POWER)))
