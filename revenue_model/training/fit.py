"""From labelled installs to an estimator.

Everything a training install is told about the target, the tariff's relativities and its
base margin, is learned on the other folds, or the trees would trust it too much.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from revenue_model.errors import TableError
from revenue_model.model.arrays import Array
from revenue_model.model.conformal import Conformal
from revenue_model.model.estimator import Faults, Offset, RevenueEstimator, read_inputs
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import POWER
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.boosting import Boosting, Folds, Round, Target, Told
from revenue_model.training.settings import MIN_FOLDS, TrainingSettings
from revenue_model.training.tariff_search import (
    WORST,
    CrossFit,
    Installs,
    deviance,
    folds_of_payers,
    make_plan,
    simplest,
)
from revenue_model.training.unit_outliers import Fault, find_faults

_log = logging.getLogger(__name__)

LEAST_PAYERS = 10
# A fold's model knows fewer installs than the whole one, which widens the intervals where
# there are few. With so many, half the folds tell as much.
_MANY_INSTALLS = 50_000
_LEAST_SHARE = 1e-5  # of the mean install's revenue; below, nothing is told from nothing
_TREES = {
    "tree_method": "hist",
    "base_score": 0.5,
    "colsample_bynode": 0.8,
    "reg_lambda": 20.0,
    "seed_per_iteration": True,  # or a round's trees would depend on the others'
}
_MEAN = {
    "objective": "reg:tweedie",
    "base_score": 1.0,  # the margin 0: without the tariff's, the trees speak alone
    "tweedie_variance_power": POWER,
    "subsample": 0.7,
    "min_child_weight": 5.0,
}
_PAYER = {
    "objective": "binary:logistic",
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 5.0,
}
# Leaves of fewer payers know their quantiles too badly to keep their promise elsewhere.
_QUANTILES = {
    "objective": "reg:quantileerror",
    "max_depth": 3,
    "learning_rate": 0.1,
    "min_child_weight": 100.0,
}
# XGBoost sorts the payers of each leaf anew for each tree; more of them say no more.
_MOST_PAYERS = 200_000  # that the quantiles are learned from
_WEIGHTS_OF_TREES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # at a fault
_SMALL_ROUNDS = 200  # most trees of the chance to pay and of the quantiles


def fit(
    table: pd.DataFrame,
    schema: Schema,
    settings: TrainingSettings,
    progress: Callable[[], None] = lambda: None,
    *,
    external_memory: bool = False,
    boosting: Callable[..., Boosting] = Boosting,
) -> RevenueEstimator:
    """Fit on installs as `read_table` returns them; `progress` is called after each tree.

    With `external_memory` XGBoost keeps its data in files of Python's folder for temporary
    ones, which takes longer. `boosting` says where the trees are trained, here by default.

    Raises `TableError` when fewer than `LEAST_PAYERS` installs brought revenue.
    """
    revenue = table[schema.target.name].to_numpy(np.float64)
    _require_payers(revenue)
    columns = {name: table[name] for name in schema.features}
    vocabularies = _vocabularies(columns, schema)
    installs = Installs(vocabularies, read_inputs(columns, schema, vocabularies), revenue)
    folds = _folds(table[list(schema.features)], settings)
    faults = _find_faults(installs, schema)
    at_fault = _at_fault(installs, faults)
    faulty, installs, folds = (
        installs.part(at_fault),
        installs.part(~at_fault),
        folds[~at_fault],
    )
    with _scratch(external_memory) as scratch:
        common = {"seed": settings.seed, "device": settings.device, "nthread": settings.threads}

        def trees(params: dict[str, Any], rounds: int) -> Boosting:
            all_params = _TREES | common | params
            return boosting(all_params, rounds, progress=progress, scratch=scratch)

        estimator = _fit_plausible(installs, schema, folds, settings, trees)
    return _with_faults(estimator, faulty, faults) if faults else estimator


@contextmanager
def _scratch(external_memory: bool) -> Iterator[Path | None]:
    """A folder for what XGBoost keeps out of memory; it is removed in the end."""
    if external_memory:
        with tempfile.TemporaryDirectory(prefix="revenue-model-") as folder:
            yield Path(folder)
    else:
        yield None


def _fit_plausible(
    installs: Installs,
    schema: Schema,
    folds: Folds,
    settings: TrainingSettings,
    boosting: Callable[[dict[str, Any], int], Boosting],
) -> RevenueEstimator:
    """The estimator of installs that are in no segment at fault."""
    revenue = installs.revenue
    _require_payers(revenue)
    paying = revenue > 0
    folds = folds_of_payers(folds, revenue, settings.folds)
    plan = make_plan(installs, schema, folds)
    cross_fit = CrossFit(plan, installs, folds)
    told, rounds = cross_fit.told(), cross_fit.rounds()

    mean = _fit_mean(told, rounds, revenue, settings, boosting)
    payer, _ = boosting(_PAYER, _SMALL_ROUNDS).train(
        told, rounds, Target(paying.astype(np.float64))
    )
    with np.errstate(divide="ignore"):
        ratio = np.log(revenue) - np.log(np.maximum(np.exp(mean.log_revenue), mean.least))
    tail = (1 - settings.level) / 2
    quantile = _QUANTILES | {"quantile_alpha": [tail, 1 - tail]}
    asked = _some(paying, _MOST_PAYERS, settings.seed)
    quantiles, of_payers = boosting(quantile, _SMALL_ROUNDS).train(
        told.of(asked), [each.of(asked) for each in rounds], Target(ratio)
    )
    known = asked | ~paying
    score = mean.unit + mean.offset.margin(mean.log_tariff)
    return RevenueEstimator(
        schema=schema,
        vocabularies=tuple(installs.vocabularies),
        tariff=cross_fit.tariff(),
        offset=mean.offset,
        faults=Faults(tuple(np.zeros(len(vocabulary)) for vocabulary in installs.vocabularies)),
        unit=mean.unit,
        least=mean.least,
        conformal=Conformal.fit(settings.level, score[known], ratio[known], of_payers[known]),
        mean=mean.booster,
        payer=payer,
        quantiles=quantiles,
    )


def _some(chosen: NDArray[np.bool_], most: int, seed: int) -> NDArray[np.bool_]:
    """`most` of the chosen at random, or all of them when there are not so many."""
    places = np.flatnonzero(chosen)
    if len(places) > most:
        places = np.random.default_rng(seed).choice(places, most, replace=False)
    some = np.zeros(len(chosen), bool)
    some[places] = True
    return some


def _require_payers(revenue: Array) -> None:
    payers = int((revenue > 0).sum())
    if payers < LEAST_PAYERS:
        raise TableError(
            f"only {payers} of {len(revenue)} installs have revenue above 0; a model needs at "
            f"least {LEAST_PAYERS}. Give more installs, or those of a longer time."
        )


def _find_faults(installs: Installs, schema: Schema) -> list[Fault]:
    """The segments at fault, each with a warning."""
    vocabularies, inputs = installs.vocabularies, installs.inputs
    segments = [i for i, v in enumerate(vocabularies) if v.name in schema.segments]
    faults = find_faults(segments, inputs.rows, inputs.events, installs.revenue)
    for fault in faults:
        vocabulary = vocabularies[fault.column]
        _log.warning(
            "%s '%s' brings %.0f times the revenue per event of all others: taken for a fault "
            "of unit; it keeps its level and does not steer the rest.",
            vocabulary.name,
            vocabulary.categories[fault.category],
            fault.factor,
        )
    return faults


def _at_fault(installs: Installs, faults: list[Fault]) -> NDArray[np.bool_]:
    mask = np.zeros(len(installs.revenue), bool)
    for fault in faults:
        mask |= installs.inputs.rows[fault.column] == fault.category
    return mask


def _vocabularies(columns: dict[str, Any], schema: Schema) -> tuple[Vocabulary, ...]:
    default = {column.name: column.default for column in schema.columns}
    return tuple(
        Vocabulary.of(name, columns[name], None if (d := default[name]) is None else str(d))
        for name in schema.categoricals
    )


def _folds(features: pd.DataFrame, settings: TrainingSettings) -> Folds:
    """A fold for each install, by its features alone.

    So an install is in the same fold whatever others there are, and installs that are alike
    are together.
    """
    hashes = pd.util.hash_pandas_object(features, index=False).to_numpy()
    mixed = (hashes ^ np.uint64(settings.seed)) * np.uint64(0x9E3779B97F4A7C15)
    folds = (
        settings.folds
        if len(features) < _MANY_INSTALLS
        else max(settings.folds // 2, MIN_FOLDS)
    )
    return np.asarray((mixed >> np.uint64(33)) % np.uint64(folds), np.int16)


@dataclass(frozen=True)
class _Mean:
    booster: xgb.Booster
    offset: Offset
    unit: float
    least: float
    # Of the training installs, out of fold:
    log_tariff: Array
    log_revenue: Array


def _fit_mean(
    told: Told,
    rounds: Sequence[Round],
    revenue: Array,
    settings: TrainingSettings,
    boosting: Callable[[dict[str, Any], int], Boosting],
) -> _Mean:
    """The trees on the tariff's margin, of revenue in units of its mean."""
    scale = revenue.mean()
    target = revenue / scale
    log_tariff = told.log_tariff()
    offset = _offset(target, log_tariff)
    start = offset.margin(log_tariff)
    misses = deviance(target, np.exp(start))
    most = float(np.quantile(misses, WORST))
    params = {"max_depth": settings.depth, "learning_rate": settings.learning_rate}
    trees = boosting(_MEAN | params, settings.num_boost_round)
    weight = most / np.maximum(misses, most) if most > 0 else np.ones(len(target))
    booster, margin = trees.train(told, rounds, Target(target, weight, offset.margin))
    # Out of fold, what is predicted sums to what came in.
    unit = float(np.log(scale) - np.log(np.exp(margin).mean()))
    least = float(_LEAST_SHARE * np.exp(unit))
    return _Mean(booster, offset, unit, least, log_tariff, margin + unit)


def _offset(target: Array, log_tariff: Array) -> Offset:
    """How strongly the tariff enters: the slope of the least out-of-fold deviance."""
    centred = log_tariff - log_tariff.mean()

    def level(strength: float) -> float:
        return float(np.log(target.sum() / np.exp(strength * centred).sum()))

    def loss(strength: float) -> float:
        expected = np.exp(level(strength) + strength * centred)
        return float(deviance(target, expected).mean())

    strength = float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)
    return Offset(level(strength) - strength * float(log_tariff.mean()), strength)


def _with_faults(
    estimator: RevenueEstimator, installs: Installs, faults: list[Fault]
) -> RevenueEstimator:
    """Learn each fault's level, and how little to trust the trees there, by the deviance.

    The installs are those at fault: new to the estimator, so what it says is out of fold.
    """
    x, log_tariff = estimator.features(installs.inputs)
    tariff, trees = estimator.tariff_and_trees(log_tariff, x)

    def with_weight(weight: float) -> tuple[Array, Faults]:
        levels = [np.zeros(len(vocabulary)) for vocabulary in installs.vocabularies]
        expected = np.exp(tariff + weight * trees)
        for fault in faults:
            members = installs.inputs.rows[fault.column] == fault.category
            factor = installs.revenue[members].sum() / expected[members].sum()
            levels[fault.column][fault.category] = np.log(factor)
            expected[members] *= factor
        return deviance(installs.revenue, expected), Faults(tuple(levels), weight)

    misses, tried = zip(*map(with_weight, _WEIGHTS_OF_TREES), strict=True)
    return replace(estimator, faults=tried[simplest(misses)])
