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

from revenue_model.model.arrays import Array, Matrix
from revenue_model.model.conformal import Conformal
from revenue_model.model.features import encodings, features, features_of
from revenue_model.model.inputs import Inputs, read_inputs
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import Tariff
from revenue_model.model.vocabulary import Vocabulary

_BOOSTERS = ("mean", "payer", "quantiles")
_SMALL = 1000  # installs up to which waking other threads takes longer than they save
_BLOCK = 65_536  # installs at once: the memory of their features does not grow further
_LARGEST_LOG = 80.0  # exp of it is finite in float32 too


@dataclass(frozen=True)
class Offset:
    """The trees' base margin: `level` + `strength` x the tariff."""

    level: float
    strength: float

    def margin(self, log_tariff: Array) -> Array:
        return self.level + self.strength * log_tariff


@dataclass(frozen=True)
class UnitAdjustment:
    """What unit outliers, segments booked in another unit, add to the log revenue.

    The trees, which learned on all other installs, count there with the weight `trees`.
    """

    levels: tuple[Array, ...]  # by categorical column, of each lookup row; 0 for all others
    trees: float = 1.0

    def level(self, inputs: Inputs) -> Array:
        total = np.zeros(len(inputs))
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
    unit_adjustment: UnitAdjustment
    log_scale: float  # log of USD per unit of the trees' target
    prediction_floor: float  # USD; lower predictions would mean no more than this one
    conformal: Conformal
    mean: xgb.Booster
    payer: xgb.Booster
    quantiles: xgb.Booster

    _tables: list[Matrix] = field(init=False, repr=False)
    _mean_on_one_thread: xgb.Booster = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tables", encodings(self.tariff))
        copy = self.mean.copy()
        copy.set_param({"nthread": 1})
        object.__setattr__(self, "_mean_on_one_thread", copy)

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
        asked = {
            "interval": interval,
            "payer_probability": payer_probability,
            "explain": explain,
        }
        inputs = read_inputs(columns, self.schema, self.vocabularies)
        if not len(inputs):  # of no installs XGBoost answers without columns
            nothing = {name: [None] for name in self.schema.features}
            one = self.predict(nothing, **asked)
            return {name: values[:0] for name, values in one.items()}
        if len(inputs) <= _BLOCK:
            return self._predict(inputs, **asked)
        starts = range(0, len(inputs), _BLOCK)
        blocks = [inputs.subset(slice(start, start + _BLOCK)) for start in starts]
        with ThreadPoolExecutor() as pool:  # numpy and XGBoost compute without Python's lock
            parts = list(pool.map(lambda block: self._predict(block, **asked), blocks))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _predict(
        self, inputs: Inputs, *, interval: bool, payer_probability: bool, explain: bool
    ) -> dict[str, Array]:
        x, log_tariff = self.features(inputs)
        adjustment = self.unit_adjustment.level(inputs)
        tariff, trees = self.tariff_and_trees(log_tariff, x)
        trees *= self.unit_adjustment.weight_of_trees(adjustment)
        log_revenue = tariff + adjustment + trees
        predicted = np.exp(np.minimum(log_revenue, _LARGEST_LOG))
        predicted = np.maximum(predicted, self.prediction_floor)
        outputs = {"predicted_revenue": predicted}
        if interval:
            quantiles = self.quantiles.inplace_predict(x).astype(np.float64)
            low, high = self.conformal.interval(predicted, tariff, quantiles)
            outputs |= {"revenue_low": low, "revenue_high": high}
        if payer_probability:
            outputs["payer_probability"] = self.payer.inplace_predict(x).astype(np.float64)
        if explain:
            outputs |= self._explain(inputs, x, adjustment, np.log(predicted))
        return outputs

    def features(self, inputs: Inputs) -> tuple[Matrix, Array]:
        """What the trees see of `inputs`, and the log of the revenue by tariff."""
        return features(self.tariff, self._tables, inputs)

    def tariff_and_trees(self, log_tariff: Array, x: Matrix) -> tuple[Array, Array]:
        """The two parts of the log revenue, in USD and without unit adjustment."""
        tariff = self.log_scale + self.offset.margin(log_tariff)
        booster = self._mean_on_one_thread if len(x) <= _SMALL else self.mean
        trees = booster.inplace_predict(x, predict_type="margin")
        return tariff, trees.astype(np.float64)

    def _explain(
        self, inputs: Inputs, x: Matrix, adjustment: Array, log_revenue: Array
    ) -> dict[str, Array]:
        """TreeSHAP of the trees plus the tariff's relativities and its events.

        What several columns say together is shared equally between them; the log of the
        exposure in proportion to what each event adds to it. What remains, a constant but
        for installs at the prediction floor, is the base.
        """
        shap = self.mean.predict(xgb.DMatrix(x), pred_contribs=True).astype(np.float64)
        shap *= self.unit_adjustment.weight_of_trees(adjustment)[:, None]
        parts = {name: np.zeros(len(x)) for name in self.schema.features}
        for (_, sources), contribution in zip(features_of(self.schema), shap.T[:-1], strict=True):
            for name in sources:
                parts[name] += contribution / len(sources)
        for index, rows in enumerate(inputs.rows):
            relativity = self.tariff.relativities[index][rows]
            level = self.unit_adjustment.levels[index][rows]
            parts[self.vocabularies[index].name] += self.offset.strength * relativity + level
        for pair in self.tariff.interactions:
            half = self.offset.strength * pair.log_rate(inputs.rows) / 2
            for index in (pair.first, pair.second):
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
        learned = _as_json(self)
        for name in ("schema", *_BOOSTERS):
            del learned[name]
        text = json.dumps(learned, default=_as_json, ensure_ascii=False, indent=1)
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
            tariff=Tariff.from_json(learned["tariff"]),
            offset=Offset(**learned["offset"]),
            unit_adjustment=UnitAdjustment(
                tuple(map(np.array, learned["unit_adjustment"]["levels"])),
                learned["unit_adjustment"]["trees"],
            ),
            log_scale=learned["log_scale"],
            prediction_floor=learned["prediction_floor"],
            conformal=Conformal(**learned["conformal"]),
            **{name: xgb.Booster(model_file=folder / f"{name}.ubj") for name in _BOOSTERS},
        )


def _as_json(value: Any) -> Any:
    """An array or a dataclass as JSON has it, with what is in it as it is."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return {each.name: getattr(value, each.name) for each in fields(value) if each.init}
