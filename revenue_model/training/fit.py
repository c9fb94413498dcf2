"""From labelled installs to an estimator.

Everything that the trees see of a training install's revenue, the tariff's relativities and
its base margin, is learned on the other folds, or the trees would trust it too much.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from revenue_model.errors import TableError
from revenue_model.model.arrays import Array
from revenue_model.model.estimator import Offset, RevenueEstimator, UnitAdjustment
from revenue_model.model.inputs import read_inputs
from revenue_model.model.schema import Schema
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.boosting import Boosting, Target
from revenue_model.training.calibration import calibrate
from revenue_model.training.cross_fit import (
    CrossFit,
    CvSplit,
    FoldFeatures,
    Folds,
    folds_by_features,
    with_payers,
)
from revenue_model.training.settings import TrainingSettings
from revenue_model.training.tariff_fit import Installs
from revenue_model.training.tariff_search import one_standard_error_rule, search_tariff
from revenue_model.training.tweedie import MAX_DEVIANCE_QUANTILE, POWER, deviance
from revenue_model.training.unit_outliers import UnitOutlier, find_unit_outliers

MIN_PAYERS = 10
_MIN_SHARE = 1e-5  # of the mean install's revenue; below, revenue cannot be told from none
_TREES = {
    "tree_method": "hist",
    "base_score": 0.5,
    "colsample_bynode": 0.8,
    "reg_lambda": 20.0,
    "seed_per_iteration": True,  # or a split's trees would depend on the others'
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
# XGBoost sorts the payers of each leaf anew for each tree; more payers change little.
_MAX_PAYERS = 200_000  # that the quantiles are learned from
_WEIGHTS_OF_TREES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # for unit outliers
_MAX_SMALL_TREES = 200  # of the chance to pay and of the quantiles


def fit(
    table: pd.DataFrame,
    schema: Schema,
    settings: TrainingSettings,
    progress: Callable[[], None] = lambda: None,
    *,
    external_memory: bool = False,
    booster_factory: Callable[..., Boosting] = Boosting,
) -> RevenueEstimator:
    """Fit on installs as `read_table` returns them; `progress` is called after each tree.

    With `external_memory` XGBoost keeps its data in files of Python's folder for temporary
    ones, which takes longer. `booster_factory` makes what trains the trees, on this machine
    by default.

    Raises `TableError` when fewer than `MIN_PAYERS` installs brought revenue.
    """
    revenue = table[schema.target.name].to_numpy(np.float64)
    _require_payers(revenue)
    vocabularies = tuple(
        Vocabulary.of(column.name, table[column.name], column.default)
        for column in schema.columns
        if column.role == "categorical"
    )
    installs = Installs(vocabularies, read_inputs(table, schema, vocabularies), revenue)
    folds = folds_by_features(table[list(schema.features)], settings)
    outliers = find_unit_outliers(installs, schema)
    outlying = np.zeros(len(table), bool)
    for outlier in outliers:
        outlying |= outlier.members(installs.inputs)
    in_files = partial(tempfile.TemporaryDirectory, prefix="revenue-model-")
    with in_files() if external_memory else nullcontext() as scratch:
        estimator = _fit(
            installs.subset(~outlying),
            schema,
            folds[~outlying],
            settings,
            partial(booster_factory, progress=progress, scratch=scratch),
        )
    if outliers:
        return _with_unit_adjustment(estimator, installs.subset(outlying), outliers)
    return estimator


def _fit(
    installs: Installs,
    schema: Schema,
    folds: Folds,
    settings: TrainingSettings,
    booster_factory: Callable[..., Boosting],
) -> RevenueEstimator:
    """The estimator of installs that are in no unit outlier."""
    revenue = installs.revenue
    _require_payers(revenue)
    paying = revenue > 0
    folds = with_payers(folds, revenue, settings.folds)
    cross_fit = CrossFit(search_tariff(installs, schema, folds), installs, folds)
    features, splits = cross_fit.features(), cross_fit.splits()

    mean = _fit_mean(features, splits, revenue, settings, booster_factory)
    payer, _ = booster_factory(_params(_PAYER, settings), _MAX_SMALL_TREES).train(
        features, splits, Target(paying.astype(np.float64))
    )
    with np.errstate(divide="ignore"):
        predicted = np.maximum(np.exp(mean.log_revenue), mean.prediction_floor)
        ratio = np.log(revenue) - np.log(predicted)
    tail = (1 - settings.level) / 2
    quantile = _QUANTILES | {"quantile_alpha": [tail, 1 - tail]}
    sampled = _sample(paying, _MAX_PAYERS, settings.seed)
    of_sample = [split.subset(sampled) for split in splits]
    of_sample = [s for s in of_sample if len(s.train.installs) and len(s.held_out.installs)]
    quantiles, of_payers = booster_factory(_params(quantile, settings), _MAX_SMALL_TREES).train(
        features.subset(sampled), of_sample, Target(ratio)
    )
    known = sampled | ~paying
    score = mean.log_scale + mean.offset.margin(mean.log_tariff)
    no_level = tuple(np.zeros(len(vocabulary)) for vocabulary in installs.vocabularies)
    return RevenueEstimator(
        schema=schema,
        vocabularies=tuple(installs.vocabularies),
        tariff=cross_fit.tariff(),
        offset=mean.offset,
        unit_adjustment=UnitAdjustment(no_level),
        log_scale=mean.log_scale,
        prediction_floor=mean.prediction_floor,
        conformal=calibrate(settings.level, score[known], ratio[known], of_payers[known]),
        mean=mean.booster,
        payer=payer,
        quantiles=quantiles,
    )


def _params(params: dict[str, Any], settings: TrainingSettings) -> dict[str, Any]:
    """XGBoost's parameters: those of all trees, of the machine, and `params`."""
    machine = {"seed": settings.seed, "device": settings.device, "nthread": settings.threads}
    return _TREES | machine | params


def _sample(chosen: NDArray[np.bool_], count: int, seed: int) -> NDArray[np.bool_]:
    """`count` of the chosen at random, or all of them when there are not so many."""
    places = np.flatnonzero(chosen)
    if len(places) <= count:
        return chosen
    sample = np.zeros_like(chosen)
    sample[np.random.default_rng(seed).choice(places, count, replace=False)] = True
    return sample


def _require_payers(revenue: Array) -> None:
    payers = int((revenue > 0).sum())
    if payers < MIN_PAYERS:
        raise TableError(
            f"only {payers} of {len(revenue)} installs have revenue above 0; a model needs at "
            f"least {MIN_PAYERS}. Give more installs, or those of a longer time."
        )


@dataclass(frozen=True)
class _Mean:
    booster: xgb.Booster
    offset: Offset
    log_scale: float
    prediction_floor: float
    # Of the training installs, out of fold:
    log_tariff: Array
    log_revenue: Array


def _fit_mean(
    features: FoldFeatures,
    splits: Sequence[CvSplit],
    revenue: Array,
    settings: TrainingSettings,
    booster_factory: Callable[..., Boosting],
) -> _Mean:
    """The trees on the tariff's margin, of revenue in units of its mean."""
    scale = revenue.mean()
    target = revenue / scale
    log_tariff = features.log_tariff()
    offset = _fit_offset(target, log_tariff)
    losses = deviance(target, np.exp(offset.margin(log_tariff)))
    highest = float(np.quantile(losses, MAX_DEVIANCE_QUANTILE))
    weight = highest / np.maximum(losses, highest) if highest > 0 else np.ones(len(target))
    params = {"max_depth": settings.depth, "learning_rate": settings.learning_rate}
    booster, margin = booster_factory(
        _params(_MEAN | params, settings), settings.num_boost_round
    ).train(features, splits, Target(target, weight, offset.margin))
    # Out of fold, what is predicted sums to what came in.
    log_scale = float(np.log(scale) - np.log(np.exp(margin).mean()))
    floor = float(_MIN_SHARE * np.exp(log_scale))
    return _Mean(booster, offset, log_scale, floor, log_tariff, margin + log_scale)


def _fit_offset(target: Array, log_tariff: Array) -> Offset:
    """How strongly the tariff enters: the slope of the lowest out-of-fold deviance."""
    centred = log_tariff - log_tariff.mean()

    def level(strength: float) -> float:
        return float(np.log(target.sum() / np.exp(strength * centred).sum()))

    def loss(strength: float) -> float:
        expected = np.exp(level(strength) + strength * centred)
        return float(deviance(target, expected).mean())

    strength = float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)
    return Offset(level(strength) - strength * float(log_tariff.mean()), strength)


def _with_unit_adjustment(
    estimator: RevenueEstimator, installs: Installs, outliers: Sequence[UnitOutlier]
) -> RevenueEstimator:
    """Learn each outlier's level, and how far to trust the trees there, by the deviance.

    The installs are those of the outliers: new to the estimator, so what it says of them is
    out of fold.
    """
    x, log_tariff = estimator.features(installs.inputs)
    tariff, trees = estimator.tariff_and_trees(log_tariff, x)

    def with_weight(weight: float) -> tuple[Array, UnitAdjustment]:
        levels = [np.zeros(len(vocabulary)) for vocabulary in installs.vocabularies]
        expected = np.exp(tariff + weight * trees)
        for outlier in outliers:
            members = outlier.members(installs.inputs)
            factor = installs.revenue[members].sum() / expected[members].sum()
            levels[outlier.column][outlier.category] = np.log(factor)
            expected[members] *= factor
        return deviance(installs.revenue, expected), UnitAdjustment(tuple(levels), weight)

    losses, adjustments = zip(*map(with_weight, _WEIGHTS_OF_TREES), strict=True)
    return replace(estimator, unit_adjustment=adjustments[one_standard_error_rule(losses)])
