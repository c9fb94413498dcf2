"""Which tariff to start the trees from: its columns, its pairs of columns, its shrinkage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np

from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.training.cross_fit import Folds, with_payers
from revenue_model.training.tariff_fit import Installs, TariffSpec, Term, fit_tariff
from revenue_model.training.tweedie import MAX_DEVIANCE_QUANTILE, deviance

_ENOUGH_ROWS = 30_000  # to see whether a column helps the tariff
_ENOUGH_PAYERS = 30  # likewise
_SHRINKAGES = (30.0, 10.0, 3.0, 1.0)
_USUAL_SHRINKAGE = 10.0  # to choose terms by
_MIN_INSTALLS_PER_CELL = 10  # on average; with fewer, nothing is learned of a pair
_MAX_PAIRS = 10  # that are tried, for each try fits whole tariffs


def search_tariff(installs: Installs, schema: Schema, folds: Folds) -> TariffSpec:
    """The simplest tariff among those of the lowest out-of-fold deviance.

    Segments come first, then the columns of fewer categories, then pairs of these; one that
    does not help is left to the trees.
    """
    some, some_folds = _sample(installs, folds)
    vocabularies = installs.vocabularies

    @cache
    def losses(spec: TariffSpec) -> Array:
        return _losses(spec, some, some_folds)

    def simplest(specs: Sequence[TariffSpec]) -> TariffSpec:
        return specs[one_standard_error_rule([losses(spec) for spec in specs])]

    def extended(spec: TariffSpec, terms: Iterable[Term]) -> TariffSpec:
        """`spec` with those of `terms` that help."""
        for term in terms:
            spec = simplest([spec, replace(spec, terms=(*spec.terms, term))])
        return spec

    def cells(term: Term) -> int:
        return math.prod(len(vocabularies[index].categories) for index in term)

    segments = [i for i, v in enumerate(vocabularies) if v.name in schema.segments]
    columns = [(index,) for index in range(len(vocabularies))]
    columns.sort(key=lambda term: (term[0] not in segments, cells(term)))
    spec = extended(TariffSpec((), _USUAL_SHRINKAGE), columns)
    max_cells = len(some.revenue) / _MIN_INSTALLS_PER_CELL
    pairs = [first + second for first, second in combinations(spec.terms, 2)]
    pairs = [pair for pair in pairs if cells(pair) <= max_cells]
    if len(pairs) > _MAX_PAIRS:
        pairs = _most_promising(pairs, spec, some, some_folds)
    spec = extended(spec, pairs)
    return simplest([replace(spec, shrinkage=shrinkage) for shrinkage in _SHRINKAGES])


def _sample(installs: Installs, folds: Folds) -> tuple[Installs, Folds]:
    """Enough of the installs to choose by, in three folds."""
    chosen = slice(None, None, max(1, len(folds) // _ENOUGH_ROWS))
    if (installs.revenue[chosen] > 0).sum() < _ENOUGH_PAYERS:
        chosen = slice(None)
    some = installs.subset(chosen)
    return some, with_payers(folds[chosen] % 3, some.revenue, 3)


def _most_promising(
    pairs: Sequence[Term], spec: TariffSpec, installs: Installs, folds: Folds
) -> list[Term]:
    """`_MAX_PAIRS` of them, in their order: those that improve `spec` most."""
    expected = _out_of_fold(spec, installs, folds)
    remaining = replace(installs, inputs=replace(installs.inputs, events=expected[:, None]))
    mean_losses = [
        _losses(TariffSpec((pair,), _USUAL_SHRINKAGE), remaining, folds).mean() for pair in pairs
    ]
    return [pairs[index] for index in np.sort(np.argsort(mean_losses)[:_MAX_PAIRS])]


def _losses(spec: TariffSpec, installs: Installs, folds: Folds) -> Array:
    """The deviance of each install, by a tariff that has not seen it."""
    losses = deviance(installs.revenue, _out_of_fold(spec, installs, folds))
    return np.minimum(losses, np.quantile(losses, MAX_DEVIANCE_QUANTILE))


def _out_of_fold(spec: TariffSpec, installs: Installs, folds: Folds) -> Array:
    """The revenue that each fold's installs are expected to bring, by all others."""
    expected = np.empty(len(folds))
    for fold in np.unique(folds):
        held_out = folds == fold
        tariff = fit_tariff(installs.subset(~held_out), spec)
        expected[held_out] = np.exp(tariff.log_revenue(installs.inputs.subset(held_out)))
    return expected


def one_standard_error_rule(losses: Sequence[Array]) -> int:
    """The place of the model to take, given each one's loss by install, the simplest first.

    It is the first that is not worse than the best by more than the standard error of the
    difference, or chance would choose.

    Source: Breiman et al. (1984), "Classification and Regression Trees", here on paired
    differences.
    """
    best = min(range(len(losses)), key=lambda index: losses[index].mean())
    for index, each in enumerate(losses[:best]):
        worse = each - losses[best]
        if worse.mean() <= worse.std() / np.sqrt(len(worse)):
            return index
    return best
