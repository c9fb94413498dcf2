"""The estimator: columns of installs in, revenue in USD out.

The mean is exp(tariff + trees): a multiplicative tariff (see `tariff`) enters XGBoost's
Tweedie regression as base margin, with a strength learned out of fold, and the trees learn
what it misses. `training.fit` makes estimators.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost as xgb

from revenue_model.model.arrays import Array, Matrix, Rows
from revenue_model.model.conformal import Conformal
from revenue_model.model.features import encodings, features_of, matrix
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import Tariff
from revenue_model.model.vocabulary import Vocabulary

_BOOSTERS = ("mean", "payer", "quantiles")
_SMALL = 1000  # installs up to which waking other threads takes longer than they save
_BLOCK = 65_536  # installs at once: the memory of their features does not grow further
_LARGEST = 1e30  # a larger number counts as this: the trees' float32 ends at 3e38, as do sums
_LARGEST_LOG = 80.0  # exp of it is finite in float32 too


@dataclass(frozen=True)
class Offset:
    """The trees' base margin: `level` + `strength` x the tariff."""

    level: float
    strength: float

    def margin(self, log_tariff: Array) -> Array:
        return self.level + self.strength * log_tariff


@dataclass(frozen=True)
class Inputs:
    """Installs as the estimator sees them: lookup rows by column, and numbers."""

    rows: list[Rows]
    events: Array
    numerics: Array

    def part(self, chosen: Any) -> Inputs:
        """The installs at a mask, an index or a slice."""
        rows = [row[chosen] for row in self.rows]
        return Inputs(rows, self.events[chosen], self.numerics[chosen])


@dataclass(frozen=True)
class Faults:
    """What segments at fault add to the log revenue (see `faults`).

    The trees, which learned on all other installs, count there with the weight `trees`.
    """

    levels: tuple[Array, ...]  # by categorical column, of each lookup row; 0 without a fault
    trees: float = 1.0

    def level(self, inputs: Inputs) -> Array:
        total = np.zeros(len(inputs.events))
        for level, rows in zip(self.levels, inputs.rows, strict=True):
            total += level[rows]
        return total

    def weight_of_trees(self, level: Array) -> Array:
        return np.where(level == 0, 1.0, self.trees)


@dataclass(frozen=True)
class RevenueEstimator:
    """Predicts revenue, its interval, the chance of paying, and explains itself."""

    schema: Schema
    vocabularies: tuple[Vocabulary, ...]
    tariff: Tariff
    offset: Offset
    faults: Faults
    unit: float  # log of USD per unit of the trees' target
    least: float  # USD; a lower expectation cannot be told from this one
    conformal: Conformal
    mean: xgb.Booster
    payer: xgb.Booster
    quantiles: xgb.Booster

    _tables: list[Matrix] = field(init=False, repr=False)
    _alone: xgb.Booster = field(init=False, repr=False)  # `mean`, on one thread

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tables", encodings(self.tariff))
        alone = self.mean.copy()
        alone.set_param({"nthread": 1})
        object.__setattr__(self, "_alone", alone)

    def predict(
        self,
        columns: Mapping[str, Sequence[Any]],
        *,
        interval: bool = False,
        payer_probability: bool = False,
        explain: bool = False,
    ) -> dict[str, Array]:
        """Answer one number per install and output, float64, finite.

        `columns` holds the schema's feature columns, as lists or arrays. The outputs:
        `predicted_revenue`, in USD, at least 0; with `interval` `revenue_low` and
        `revenue_high`; `payer_probability`, that revenue is above 0; with `explain`
        ``contribution_COLUMN`` for each feature column and ``contribution_base``, which sum
        to the log of `predicted_revenue`.
        """
        asked = {"interval": interval, "payer_probability": payer_probability}
        inputs = read_inputs(columns, self.schema, self.vocabularies)
        if not len(inputs.events):  # of no installs XGBoost answers without columns
            nothing = {name: [None] for name in self.schema.features}
            one = self.predict(nothing, **asked, explain=explain)
            return {name: values[:0] for name, values in one.items()}
        if len(inputs.events) <= _BLOCK:
            return self._predict(inputs, explain=explain, **asked)
        blocks = [
            inputs.part(slice(start, start + _BLOCK))
            for start in range(0, len(inputs.events), _BLOCK)
        ]
        with ThreadPoolExecutor() as pool:  # numpy and XGBoost compute without Python's lock
            parts = list(pool.map(lambda b: self._predict(b, explain=explain, **asked), blocks))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _predict(
        self, inputs: Inputs, *, interval: bool, payer_probability: bool, explain: bool
    ) -> dict[str, Array]:
        x, log_tariff = self.features(inputs)
        fault = self.faults.level(inputs)
        tariff, trees = self.tariff_and_trees(log_tariff, x)
        log_revenue = tariff + fault + self.faults.weight_of_trees(fault) * trees
        predicted = np.exp(np.minimum(log_revenue, _LARGEST_LOG))
        predicted = np.maximum(predicted, self.least)
        outputs = {"predicted_revenue": predicted}
        if interval:
            quantiles = self.quantiles.inplace_predict(x).astype(np.float64)
            low, high = self.conformal.interval(predicted, tariff, quantiles)
            outputs |= {"revenue_low": low, "revenue_high": high}
        if payer_probability:
            outputs["payer_probability"] = self.payer.inplace_predict(x).astype(np.float64)
        if explain:
            outputs |= self._explain(inputs, x, fault, np.log(predicted))
        return outputs

    def features(self, inputs: Inputs) -> tuple[Matrix, Array]:
        """What the trees see of `inputs`, and the log of the revenue by tariff."""
        return features(self.tariff, self._tables, inputs)

    def tariff_and_trees(self, log_tariff: Array, x: Matrix) -> tuple[Array, Array]:
        """The two parts of the log revenue, in USD and without faults."""
        tariff = self.unit + self.offset.margin(log_tariff)
        booster = self._alone if len(x) <= _SMALL else self.mean
        trees = booster.inplace_predict(x, predict_type="margin")
        return tariff, trees.astype(np.float64)

    def _explain(
        self, inputs: Inputs, x: Matrix, fault: Array, log_revenue: Array
    ) -> dict[str, Array]:
        """TreeSHAP of the trees plus the tariff's relativities and its events.

        What several columns say together is shared equally between them; the log of the
        exposure in proportion to what each event adds to it. What remains, a constant but
        for installs at the least prediction, is the base.
        """
        shap = self.mean.predict(xgb.DMatrix(x), pred_contribs=True).astype(np.float64)
        shap *= self.faults.weight_of_trees(fault)[:, None]
        parts = {name: np.zeros(len(x)) for name in self.schema.features}
        for feature, contribution in zip(features_of(self.schema), shap.T, strict=False):
            for name in feature.sources:
                parts[name] += contribution / len(feature.sources)
        for vocabulary, rows, relativity, at_fault in zip(
            self.vocabularies,
            inputs.rows,
            self.tariff.relativities,
            self.faults.levels,
            strict=True,
        ):
            parts[vocabulary.name] += self.offset.strength * relativity[rows] + at_fault[rows]
        for cross in self.tariff.crosses:
            half = self.offset.strength * cross.log_rate(inputs.rows) / 2
            for index in (cross.first, cross.second):
                parts[self.vocabularies[index].name] += half
        if self.schema.events:
            share = self.tariff.exposure_shares(inputs.events)
            exposure = self.offset.strength * self.tariff.log_exposure(inputs.events)
            for name, column in zip(self.schema.events, share.T, strict=True):
                parts[name] += column * exposure
        base = log_revenue - sum(parts.values())
        return {f"contribution_{name}": part for name, part in {"base": base, **parts}.items()}

    def save(self, folder: Path) -> None:
        """Write JSON and UBJSON files to `folder`; the same estimator gives the same bytes."""
        learned = {
            name: _plain(getattr(self, name))
            for name in (each.name for each in fields(self) if each.init)
            if name not in ("schema", *_BOOSTERS)
        }
        text = json.dumps(learned, ensure_ascii=False, indent=1)
        (folder / "estimator.json").write_text(text, encoding="utf-8")
        for name in _BOOSTERS:
            getattr(self, name).save_model(folder / f"{name}.ubj")

    @classmethod
    def load(cls, folder: Path, schema: Schema) -> Self:
        """What `save` wrote."""
        learned = json.loads((folder / "estimator.json").read_text(encoding="utf-8"))
        return cls(
            schema=schema,
            vocabularies=tuple(
                Vocabulary(v["name"], tuple(v["categories"]), tuple(v["stems"]), v["default"])
                for v in learned["vocabularies"]
            ),
            tariff=Tariff.from_plain(learned["tariff"]),
            offset=Offset(**learned["offset"]),
            faults=Faults(
                tuple(map(np.array, learned["faults"]["levels"])), learned["faults"]["trees"]
            ),
            unit=learned["unit"],
            least=learned["least"],
            conformal=Conformal(**learned["conformal"]),
            **{name: _load_booster(folder / f"{name}.ubj") for name in _BOOSTERS},
        )


def read_inputs(
    columns: Mapping[str, Sequence[Any]], schema: Schema, vocabularies: Sequence[Vocabulary]
) -> Inputs:
    """Look up the categories and gather the numbers, missing as NaN or their default."""
    rows = [vocabulary.rows(columns[vocabulary.name]) for vocabulary in vocabularies]
    installs = len(columns[schema.features[0]])
    defaults = {column.name: column.default for column in schema.columns}

    def numbers(names: Sequence[str]) -> Array:
        table = np.empty((installs, len(names)))
        for index, name in enumerate(names):
            table[:, index] = columns[name]
            if (default := defaults[name]) is not None:
                table[np.isnan(table[:, index]), index] = default
        return np.clip(table, -_LARGEST, _LARGEST, out=table)

    return Inputs(rows, numbers(schema.events), numbers(schema.numerics))


def log_tariff_of(tariff: Tariff, inputs: Inputs) -> Array:
    """The log of the revenue that `tariff` expects of each install."""
    return tariff.log_rate(inputs.rows) + tariff.log_exposure(inputs.events)


def features(tariff: Tariff, tables: Sequence[Matrix], inputs: Inputs) -> tuple[Matrix, Array]:
    """The trees' features of `inputs`, and the log of the revenue that `tariff` expects."""
    log_exposure, log_rate = tariff.log_exposure(inputs.events), tariff.log_rate(inputs.rows)
    x = matrix(tables, inputs.rows, inputs.events, inputs.numerics, log_exposure, log_rate)
    return x, log_rate + log_exposure


def _plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Vocabulary):
        return {
            name: _plain(getattr(value, name))
            for name in ("name", "categories", "stems", "default")
        }
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _load_booster(path: Path) -> xgb.Booster:
    return xgb.Booster(model_file=path)
