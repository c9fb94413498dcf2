"""From labelled installs to an estimator.

Everything a training install is told about the target, the tariff's relativities as its
base margin, is learned on the other folds, or the trees would trust it too much.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from revenue_model.model.boosting import Boosting, Folds
from revenue_model.model.encoders import Array, Vocabulary, log_frequency
from revenue_model.model.estimator import (
    Inputs,
    Offset,
    RevenueEstimator,
    features,
    read_inputs,
)
from revenue_model.model.faults import Fault, find_faults
from revenue_model.model.features import Matrix, encodings
from revenue_model.model.intervals import Conformal
from revenue_model.model.schema import Schema, TableError
from revenue_model.model.tariff import POWER, Tariff

_log = logging.getLogger(__name__)

LEAST_PAYERS = 10
# One install whose events were lost can outweigh all others, and would choose the model:
# none counts more than the one at this quantile of the deviance.
_WORST = 0.999
_FOLDS_OF_TREES = 5
_LEAST_SHARE = 1e-5  # of the mean install's revenue; below, nothing is told from nothing
_SELECTION_ROWS = 30_000  # enough to see whether a column helps the tariff
_CAUTIONS = (10.0, 1.0, 3.0, 30.0)  # the first is the one to choose columns by
_TREES = {
    "tree_method": "hist",
    "base_score": 0.5,
    "colsample_bytree": 0.8,
    "reg_lambda": 5.0,
    "min_child_weight": 1.0,
}
_SMALL_TREES = {
    "max_depth": 4,
    "learning_rate": 0.1,
    "reg_lambda": 5.0,
    "min_child_weight": 5.0,
}
_SMALL_ROUNDS = 200


@dataclass(frozen=True)
class TrainingSettings:
    """The knobs of training; their defaults stand in MLproject."""

    seed: int
    level: float  # share of installs that an interval shall cover
    folds: int
    rounds: int  # most trees of the mean
    depth: int
    learning_rate: float
    device: str  # cpu or cuda
    threads: int  # 0: all cores

    def boosting(self, rounds: int, progress: Callable[[], None], **params: Any) -> Boosting:
        common = {"seed": self.seed, "device": self.device, "nthread": self.threads}
        return Boosting(_TREES | common | params, rounds, progress=progress)


def fit(
    table: pd.DataFrame,
    schema: Schema,
    settings: TrainingSettings,
    progress: Callable[[], None] = lambda: None,
) -> RevenueEstimator:
    """Fit on installs as `read_table` returns them; `progress` is called after each tree.

    Raises `TableError` when fewer than `LEAST_PAYERS` installs brought revenue.
    """
    revenue = table[schema.target.name].to_numpy(np.float64)
    payers = int((revenue > 0).sum())
    if payers < LEAST_PAYERS:
        raise TableError(
            f"only {payers} of {len(table)} installs have revenue above 0; a model needs at "
            f"least {LEAST_PAYERS}. Give more installs, or those of a longer time."
        )
    columns = {name: table[name].to_numpy() for name in schema.features}
    vocabularies = _vocabularies(columns, schema)
    inputs = read_inputs(columns, schema, vocabularies)
    frequencies = tuple(map(log_frequency, vocabularies, inputs.rows))
    folds = _folds(table[list(schema.features)], settings)
    faults = _faults(vocabularies, inputs, revenue, schema)
    plan = _plan(vocabularies, inputs, revenue, schema, folds, faults)
    tariff = plan.fit(vocabularies, inputs, revenue)

    x, log_tariff, fault = _cross_fit(
        plan, tariff, vocabularies, frequencies, inputs, revenue, folds
    )
    target = revenue / np.exp(fault)
    unit = float(np.log(target.mean()))
    target = target / target.mean()
    offset = _offset(target, log_tariff)
    trees = settings.boosting(
        settings.rounds,
        progress,
        objective="reg:tweedie",
        disable_default_eval_metric=1,
        tweedie_variance_power=POWER,
        max_depth=settings.depth,
        learning_rate=settings.learning_rate,
    )
    start = offset.margin(log_tariff)
    deviance = _deviance(target, np.exp(start))
    most = float(np.quantile(deviance, _WORST))
    trees = replace(trees, loss=_robust_loss(most))
    fewer = folds % _FOLDS_OF_TREES
    weight = most / np.maximum(deviance, most)
    mean, margin = trees.train(x, target, fewer, start, weight)
    offset = _with_faults(offset, target, start, margin - start, fault != 0)
    margin = start + offset.weight_of_trees(fault) * (margin - start)
    unit -= float(np.log(np.exp(margin).mean()))  # out of fold the sum is that of the target
    least = float(_LEAST_SHARE * np.exp(unit))

    small = settings.boosting(_SMALL_ROUNDS, progress, **_SMALL_TREES)
    payer, _ = _with(small, objective="binary:logistic").train(
        x, (revenue > 0).astype(np.float64), fewer
    )
    log_revenue = margin + fault + unit
    predicted = np.maximum(np.exp(log_revenue), least)
    with np.errstate(divide="ignore"):
        ratio = np.log(revenue) - np.log(predicted)
    paying = revenue > 0
    tail = (1 - settings.level) / 2
    quantile = _with(
        small,
        objective="reg:quantileerror",
        min_child_weight=100.0,
        max_depth=3,
        quantile_alpha=[tail, 1 - tail],
    )
    quantiles, of_payers = quantile.train(x[paying], ratio[paying], fewer[paying])
    of_all = np.zeros((len(x), 2))
    of_all[paying] = of_payers
    return RevenueEstimator(
        schema=schema,
        vocabularies=vocabularies,
        frequencies=frequencies,
        tariff=tariff,
        offset=offset,
        unit=unit,
        least=least,
        conformal=Conformal.fit(settings.level, start, ratio, of_all),
        mean=mean,
        payer=payer,
        quantiles=quantiles,
    )


def _folds(features: pd.DataFrame, settings: TrainingSettings) -> Folds:
    """A fold for each install, by its features alone.

    So the same install is in the same fold whatever others are there, and installs that are
    alike are together.
    """
    hashes = pd.util.hash_pandas_object(features, index=False).to_numpy()
    mixed = (hashes ^ np.uint64(settings.seed)) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed >> np.uint64(33)) % np.uint64(settings.folds), np.int64)


def _with(boosting: Boosting, **params: Any) -> Boosting:
    return replace(boosting, params=boosting.params | params)


def _vocabularies(columns: dict[str, Any], schema: Schema) -> tuple[Vocabulary, ...]:
    default = {column.name: column.default for column in schema.columns}
    return tuple(
        Vocabulary.of(name, columns[name], None if (d := default[name]) is None else str(d))
        for name in schema.categoricals
    )


def _part(inputs: Inputs, chosen: Any) -> Inputs:
    rows = [row[chosen] for row in inputs.rows]
    return Inputs(rows, inputs.events[chosen], inputs.numerics[chosen])


@dataclass(frozen=True)
class TariffPlan:
    """Which columns a tariff has, in which order, and how far it shrinks them."""

    order: tuple[int, ...]
    caution: float
    faults: tuple[Fault, ...]

    def fit(self, vocabularies: Sequence[Vocabulary], inputs: Inputs, revenue: Array) -> Tariff:
        return Tariff.fit(
            vocabularies,
            inputs.rows,
            inputs.events,
            revenue,
            self.order,
            self.caution,
            self.faults,
        )


def _faults(
    vocabularies: Sequence[Vocabulary], inputs: Inputs, revenue: Array, schema: Schema
) -> tuple[Fault, ...]:
    """The segments at fault, each with a warning."""
    segments = [i for i, v in enumerate(vocabularies) if v.name in schema.segments]
    faults = find_faults(segments, inputs.rows, inputs.events, revenue)
    for fault in faults:
        vocabulary = vocabularies[fault.column]
        _log.warning(
            "%s '%s' brings %.0f times the revenue per event of all others: taken for a fault "
            "of unit; it keeps its level and does not steer the rest.",
            vocabulary.name,
            vocabulary.categories[fault.category],
            fault.factor,
        )
    return tuple(faults)


def _plan(
    vocabularies: Sequence[Vocabulary],
    inputs: Inputs,
    revenue: Array,
    schema: Schema,
    folds: Folds,
    faults: tuple[Fault, ...],
) -> TariffPlan:
    """The tariff of the least out-of-fold deviance.

    Segments come first, then the columns of fewer categories; a column that does not help
    is left to the trees.
    """
    chosen = slice(None, None, max(1, len(revenue) // _SELECTION_ROWS))
    inputs, revenue, folds = _part(inputs, chosen), revenue[chosen], folds[chosen] % 3

    def loss(plan: TariffPlan) -> float:
        return _out_of_fold_loss(plan, vocabularies, inputs, revenue, folds)

    plan = TariffPlan((), _CAUTIONS[0], faults)
    least = loss(plan)
    for index in sorted(
        range(len(vocabularies)),
        key=lambda i: (vocabularies[i].name not in schema.segments, len(vocabularies[i])),
    ):
        longer = replace(plan, order=(*plan.order, index))
        if (with_column := loss(longer)) < least:
            plan, least = longer, with_column
    return min((replace(plan, caution=caution) for caution in _CAUTIONS), key=loss)


def _out_of_fold_loss(
    plan: TariffPlan,
    vocabularies: Sequence[Vocabulary],
    inputs: Inputs,
    revenue: Array,
    folds: Folds,
) -> float:
    deviances = []
    for part in np.unique(folds):
        held = folds == part
        tariff = plan.fit(vocabularies, _part(inputs, ~held), revenue[~held])
        of_held = _part(inputs, held)
        expected = np.exp(tariff.log_rate(of_held.rows) + tariff.log_exposure(of_held.events))
        real = revenue[held] / np.exp(tariff.fault(of_held.rows))
        deviances.append(_deviance(real, expected))
    return _robust_mean(np.concatenate(deviances))


def _deviance(real: Array, expected: Array) -> Array:
    """The Tweedie deviance of each install, at least 0."""
    saturated = real ** (2 - POWER) / ((1 - POWER) * (2 - POWER))
    of_real = real * expected ** (1 - POWER) / (1 - POWER)
    return np.asarray(2 * (saturated - of_real + expected ** (2 - POWER) / (2 - POWER)))


def _cross_fit(
    plan: TariffPlan,
    whole: Tariff,
    vocabularies: Sequence[Vocabulary],
    frequencies: Sequence[Array],
    inputs: Inputs,
    revenue: Array,
    folds: Folds,
) -> tuple[Matrix, Array, Array]:
    """Features, log tariff and log fault of each install, from the other folds' tariff."""
    x: Matrix | None = None
    log_tariff, fault = np.empty(len(revenue)), np.empty(len(revenue))
    for part in np.unique(folds):
        held = folds == part
        others = _part(inputs, ~held)
        tariff = plan.fit(vocabularies, others, revenue[~held])
        tariff = replace(tariff, base=tariff.base + _gap(whole, tariff, others))
        of_held = _part(inputs, held)
        of_part = features(tariff, encodings(vocabularies, frequencies, tariff), of_held)
        if x is None:
            x = np.empty((len(revenue), of_part.shape[1]), np.float32)
        x[held] = of_part
        log_tariff[held] = tariff.log_rate(of_held.rows) + tariff.log_exposure(of_held.events)
        fault[held] = tariff.fault(of_held.rows)
    assert x is not None
    return x, log_tariff, fault


def _gap(whole: Tariff, tariff: Tariff, inputs: Inputs) -> float:
    """By how much `tariff` is below `whole` in the middle: the level is no secret."""
    of_whole = whole.log_rate(inputs.rows) + whole.log_exposure(inputs.events)
    of_tariff = tariff.log_rate(inputs.rows) + tariff.log_exposure(inputs.events)
    return float(np.median(of_whole - of_tariff))


def _with_faults(
    offset: Offset, target: Array, start: Array, trees: Array, at_fault: NDArray[np.bool_]
) -> Offset:
    """How far to trust the trees in segments at fault: by the out-of-fold deviance."""
    if not (target[at_fault] > 0).any():
        return offset

    def loss(weight: float) -> float:
        expected = np.exp(start + weight * trees)[at_fault]
        return float(_deviance(target[at_fault], expected).mean())

    weight = minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x
    return replace(offset, trees_at_faults=float(weight))


def _robust_mean(deviance: Array) -> float:
    """The mean, where no install counts more than that at the quantile `_WORST`."""
    return float(np.minimum(deviance, np.quantile(deviance, _WORST)).mean())


def _robust_loss(most: float) -> Callable[[Array, xgb.DMatrix], tuple[str, float]]:
    """The mean deviance, where no install counts more than `most`, for XGBoost to stop by."""

    def loss(expected: Array, data: xgb.DMatrix) -> tuple[str, float]:
        expected = np.maximum(expected.astype(np.float64), 1e-30)
        deviance = _deviance(data.get_label().astype(np.float64), expected)
        return "deviance", float(np.minimum(deviance, most).mean())

    return loss


def _offset(target: Array, log_tariff: Array) -> Offset:
    """How strongly the tariff enters: the slope of the least out-of-fold deviance."""
    centred = log_tariff - log_tariff.mean()

    def level(strength: float) -> float:
        return float(np.log(target.sum() / np.exp(strength * centred).sum()))

    def loss(strength: float) -> float:
        expected = np.exp(level(strength) + strength * centred)
        return float(_deviance(target, expected).mean())

    strength = float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)
    return Offset(level(strength) - strength * float(log_tariff.mean()), strength)
