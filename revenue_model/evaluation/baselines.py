"""The models that ours is compared with, each with what a search may change of it.

All but the reference's see the same features: of each category its frequency and three
target statistics, cross-fitted on the training part; the events, their sum and shares; the
numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder
from xgboost import XGBRegressor

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.schema import Schema
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.fit import fit
from revenue_model.training.settings import TrainingSettings

Params = Mapping[str, Any]
Space = Mapping[str, Sequence[Any]]

OURS = "revenue model"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldData:
    """Installs to train on and installs to predict, as a table and as shared features."""

    train: pd.DataFrame
    held: pd.DataFrame
    revenue: Array  # of `train`
    x_train: Array
    x_held: Array


@dataclass(frozen=True)
class ComparedModel:
    """A model by name: `predict` trains with the given parameters and answers `held`.

    The first value of each parameter in `space` is its default.
    """

    name: str
    space: Space
    predict: Callable[[FoldData, Params], Array]

    @property
    def defaults(self) -> dict[str, Any]:
        return {name: values[0] for name, values in self.space.items()}


def compared_models(schema: Schema, settings: TrainingSettings) -> list[ComparedModel]:
    """Every model of the comparison, ours last.

    LightGBM is left out, with a warning, where its library cannot be loaded.
    """
    seed, jobs = settings.seed, settings.threads or -1
    forest = {"n_estimators": 200, "n_jobs": jobs, "random_state": seed}
    trees = {"n_jobs": jobs, "random_state": seed}
    return [
        _on_features("ridge", lambda p: _linear(Ridge(**p)), _LINEAR_SPACE),
        _on_features(
            "lasso",
            lambda p: _linear(Lasso(**p, max_iter=5_000)),
            _LINEAR_SPACE | {"alpha": [1e-3, 1e-4, 1e-2, 1e-1]},
        ),
        _on_features(
            "random forest", lambda p: RandomForestRegressor(**forest, **p), _FOREST_SPACE
        ),
        _on_features(
            "gradient boosting",
            lambda p: HistGradientBoostingRegressor(random_state=seed, **p),
            _GRADIENT_SPACE,
        ),
        *_lightgbm(trees),
        _on_features(
            "xgboost tweedie",
            lambda p: XGBRegressor(objective="reg:tweedie", subsample=0.8, **trees, **p),
            _TREE_SPACE | {"max_depth": [4, 3, 6, 8], "min_child_weight": [1.0, 10.0]},
        ),
        _reference(schema, trees),
        _ours(schema, settings),
    ]


_LINEAR_SPACE: dict[str, Sequence[Any]] = {
    "alpha": [1.0, 0.1, 10.0, 100.0, 1000.0],
    "log_target": [True, False],
}
_FOREST_SPACE: dict[str, Sequence[Any]] = {
    "min_samples_leaf": [2, 5, 10, 20],
    "max_features": [0.5, 0.3, 1.0],
    "log_target": [True, False],
}
_GRADIENT_SPACE: dict[str, Sequence[Any]] = {
    "learning_rate": [0.05, 0.1, 0.03],
    "max_iter": [300, 150, 600],
    "max_leaf_nodes": [15, 7, 31],
    "l2_regularization": [0.0, 5.0],
    "log_target": [True, False],
}
_TREE_SPACE: dict[str, Sequence[Any]] = {
    "tweedie_variance_power": [1.5, 1.3, 1.7],
    "learning_rate": [0.05, 0.1, 0.03],
    "n_estimators": [300, 150, 600],
    "colsample_bytree": [0.8, 0.5],
    "reg_lambda": [1.0, 5.0, 20.0],
}


def _on_features(name: str, model: Callable[[Params], Any], space: Space) -> ComparedModel:
    """A scikit-learn regressor on the shared features.

    It learns revenue over its mean or, with `log_target`, the log of it and of a small
    payer's revenue, brought to the right sum.
    """

    def predict(part: FoldData, params: Params) -> Array:
        given = dict(params)
        log_target = given.pop("log_target", False)
        scale = part.revenue.mean() or 1.0
        target = part.revenue / scale
        small = _small(target)
        regressor = model(given).fit(part.x_train, np.log(target + small) if log_target else target)
        if "n_jobs" in regressor.get_params():
            regressor.set_params(n_jobs=1)  # threads would add up a forest in any order
        answers = [regressor.predict(x).astype(np.float64) for x in (part.x_train, part.x_held)]
        if log_target:
            highest = np.log(target.max() + small) + 1
            answers = [np.exp(np.minimum(answer, highest)) - small for answer in answers]
        of_train, of_held = (np.maximum(answer, 0.0) for answer in answers)
        level = target.sum() / of_train.sum() if log_target and of_train.any() else 1.0
        return np.asarray(of_held * level * scale)

    return ComparedModel(name, space, predict)


def _linear(model: Any) -> Any:
    compress = FunctionTransformer(lambda x: np.sign(x) * np.log1p(np.abs(x)))
    return make_pipeline(compress, SimpleImputer(add_indicator=True), StandardScaler(), model)


def _lightgbm(trees: Params) -> list[ComparedModel]:
    try:
        from lightgbm import LGBMRegressor
    except (ImportError, OSError) as error:
        _log.warning(
            "LightGBM is left out: %s. It needs `pip install 'revenue-model[compare]'` and "
            "OpenMP (Debian: libgomp1).",
            error,
        )
        return []
    fixed: dict[str, Any] = {"objective": "tweedie", "verbosity": -1}
    fixed |= {"subsample": 0.8, "subsample_freq": 1}
    fixed |= {"deterministic": True, "force_row_wise": True}
    space = _TREE_SPACE | {"num_leaves": [15, 7, 31], "min_child_samples": [20, 5, 100]}
    return [_on_features("lightgbm tweedie", lambda p: LGBMRegressor(**fixed, **trees, **p), space)]


def _reference(schema: Schema, trees: Params) -> ComparedModel:
    """XGBoost as it is often done: squared error of revenue on label-encoded columns."""
    space = {name: _TREE_SPACE[name] for name in ("learning_rate", "n_estimators", "reg_lambda")}

    def predict(part: FoldData, params: Params) -> Array:
        x_train, x_held = np.empty((len(part.train), 0)), np.empty((len(part.held), 0))
        for name in schema.categoricals:
            codes = {v: i for i, v in enumerate(sorted(part.train[name].dropna().unique()))}
            x_train = np.column_stack([x_train, part.train[name].map(codes)])
            x_held = np.column_stack([x_held, part.held[name].map(codes)])
        numbers = list(schema.events + schema.numerics)
        model = XGBRegressor(objective="reg:squarederror", **trees, **params)
        model.fit(np.column_stack([x_train, part.train[numbers]]), part.revenue)
        answer = model.predict(np.column_stack([x_held, part.held[numbers]]))
        return np.asarray(np.maximum(answer.astype(np.float64), 0.0))

    return ComparedModel("xgboost squared error", space | {"max_depth": [6, 4, 8]}, predict)


def _ours(schema: Schema, settings: TrainingSettings) -> ComparedModel:
    space: dict[str, Sequence[Any]] = {
        "depth": [settings.depth, *({2, 3, 4, 5} - {settings.depth})],
        "learning_rate": [settings.learning_rate, 0.03, 0.1],
    }

    def predict(part: FoldData, params: Params) -> Array:
        estimator = fit(part.train, schema, replace(settings, **params))
        columns = {name: part.held[name].to_numpy() for name in schema.features}
        return np.asarray(estimator.predict(columns)["predicted_revenue"])

    return ComparedModel(OURS, space, predict)


def fold_data(train: pd.DataFrame, held: pd.DataFrame, schema: Schema, seed: int) -> FoldData:
    """`train` and `held` with the features that the models share."""
    revenue = train[schema.target.name].to_numpy(np.float64)
    small = _small(revenue)
    events = [_numbers(table, schema.events) for table in (train, held)]
    of_train, of_held = ([each, *_mixed(each)] for each in events)
    folds = KFold(5, shuffle=True, random_state=seed)
    rate = np.log((revenue + small) / (np.nansum(events[0], axis=1) + 1))
    for name in schema.categoricals:
        vocabulary = Vocabulary.of(name, train[name].to_numpy())
        rows = [vocabulary.rows(table[name].to_numpy())[:, None] for table in (train, held)]
        frequency = _log_frequency(vocabulary, rows[0][:, 0])
        for target in (revenue, np.log(revenue + small), rate):
            encoder = TargetEncoder(target_type="continuous", cv=folds)
            of_train.append(encoder.fit_transform(rows[0], target))
            of_held.append(encoder.transform(rows[1]))
        for parts, row in zip((of_train, of_held), rows, strict=True):
            parts.append(frequency[row])
    for parts, table in ((of_train, train), (of_held, held)):
        parts.append(_numbers(table, schema.numerics))
    return FoldData(train, held, revenue, np.hstack(of_train), np.hstack(of_held))


def _log_frequency(vocabulary: Vocabulary, rows: Rows) -> Array:
    """Of each lookup row, the log of its share of the training installs at `rows`.

    A stem has the share of an average category of its own, the unknown that of one install.
    """
    counts = np.bincount(rows, minlength=len(vocabulary)).astype(np.float64)
    stems = vocabulary.stem_rows
    total = np.bincount(stems, counts[: len(stems)], minlength=len(vocabulary))
    categories = np.bincount(stems, minlength=len(vocabulary))
    counts += total / np.maximum(categories, 1)
    return np.asarray(np.log(np.maximum(counts, 1.0) / len(rows)))


def _numbers(table: pd.DataFrame, names: Sequence[str]) -> Array:
    return np.asarray(table[list(names)], np.float64)


def _mixed(events: Array) -> list[Array]:
    """The sum of the events and each one's share of it."""
    if events.shape[1] < 2:
        return []
    total = np.nansum(events, axis=1, keepdims=True)
    return [total, events / np.maximum(total, 1e-12)]


def _small(revenue: Array) -> float:
    """The revenue of a small payer."""
    paying = revenue[revenue > 0]
    return float(np.quantile(paying, 0.05)) if len(paying) else 1.0
