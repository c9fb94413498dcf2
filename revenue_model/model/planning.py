"""Which tariff to start the trees from, and what it says of installs it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from revenue_model.model.boosting import Folds
from revenue_model.model.encoders import Array, Vocabulary
from revenue_model.model.estimator import Inputs, features, log_tariff_of
from revenue_model.model.features import Matrix, encodings
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import POWER, Tariff

# One install whose events were lost can outweigh all others, and would choose the model:
# none counts more than the one at this quantile of the deviance.
WORST = 0.999
_ENOUGH_ROWS = 30_000  # to see whether a column helps the tariff
_CAUTIONS = (10.0, 1.0, 3.0, 30.0)  # the first is the one to choose columns by


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
    """Which columns a tariff has, in which order, and how far it shrinks them."""

    order: tuple[int, ...]
    caution: float

    def fit(self, installs: Installs) -> Tariff:
        return Tariff.fit(
            installs.vocabularies,
            installs.inputs.rows,
            installs.inputs.events,
            installs.revenue,
            self.order,
            self.caution,
        )


def make_plan(installs: Installs, schema: Schema, folds: Folds) -> TariffPlan:
    """The tariff of the least out-of-fold deviance.

    Segments come first, then the columns of fewer categories; a column that does not help
    is left to the trees.
    """
    vocabularies = installs.vocabularies
    segments = [i for i, v in enumerate(vocabularies) if v.name in schema.segments]
    chosen = slice(None, None, max(1, len(folds) // _ENOUGH_ROWS))
    some, some_folds = installs.part(chosen), folds[chosen] % 3

    def loss(plan: TariffPlan) -> float:
        return _out_of_fold_loss(plan, some, some_folds)

    plan = TariffPlan((), _CAUTIONS[0])
    least = loss(plan)
    for index in sorted(
        range(len(vocabularies)), key=lambda i: (i not in segments, len(vocabularies[i]))
    ):
        longer = replace(plan, order=(*plan.order, index))
        if (with_column := loss(longer)) < least:
            plan, least = longer, with_column
    return min((replace(plan, caution=caution) for caution in _CAUTIONS), key=loss)


def _out_of_fold_loss(plan: TariffPlan, installs: Installs, folds: Folds) -> float:
    deviances = []
    for _, others, held in installs.folds(folds):
        tariff = plan.fit(others)
        deviances.append(deviance(held.revenue, np.exp(log_tariff_of(tariff, held.inputs))))
    total = np.concatenate(deviances)
    return float(np.minimum(total, np.quantile(total, WORST)).mean())


@dataclass(frozen=True)
class CrossFitted:
    """What the trees are told of each install, from a tariff of the other folds."""

    x: Matrix  # (installs, features)
    log_tariff: Array


def cross_fit(
    plan: TariffPlan,
    whole: Tariff,
    frequencies: Sequence[Array],
    installs: Installs,
    folds: Folds,
) -> CrossFitted:
    """The features of training installs; `whole` is the tariff of all of them."""
    log_tariff = np.empty(len(folds))
    x: Matrix | None = None
    for mask, others, held in installs.folds(folds):
        tariff = plan.fit(others)
        # A fold's own level would be noise to the trees, and the level is no secret.
        gap = np.median(
            log_tariff_of(whole, others.inputs) - log_tariff_of(tariff, others.inputs)
        )
        tariff = replace(tariff, base=tariff.base + float(gap))
        tables = encodings(installs.vocabularies, frequencies, tariff)
        of_held = features(tariff, tables, held.inputs)
        if x is None:
            x = np.empty((len(folds), of_held.shape[1]), np.float32)
        x[mask] = of_held
        log_tariff[mask] = log_tariff_of(tariff, held.inputs)
    assert x is not None
    return CrossFitted(x, log_tariff)


def deviance(real: Array, expected: Array) -> Array:
    """The Tweedie deviance of each install, at least 0."""
    saturated = real ** (2 - POWER) / ((1 - POWER) * (2 - POWER))
    of_real = real * expected ** (1 - POWER) / (1 - POWER)
    return np.asarray(2 * (saturated - of_real + expected ** (2 - POWER) / (2 - POWER)))
