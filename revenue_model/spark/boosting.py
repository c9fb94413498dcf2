"""Trees on Spark: `xgboost.spark` trains them for ``-P engine=spark``.

The workers get the installs as lookup rows and numbers, and build the features from them.
The splits of the cross-validation run side by side, as many as there are tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray

from revenue_model.model.arrays import Array, Matrix
from revenue_model.model.inputs import Inputs
from revenue_model.model.tariff import Tariff
from revenue_model.training.boosting import PATIENCE, Boosting, Target
from revenue_model.training.cross_fit import CvSplit, FoldFeatures, Folds, Index, build_features


@dataclass(frozen=True)
class SparkBoosting(Boosting):
    """Boosters trained by Spark's `session`, each by `workers` tasks on their shares of rows.

    One worker makes the booster that one machine makes; several draw their samples apart.
    """

    session: Any = None
    workers: int = 1

    def train(
        self, features: FoldFeatures, splits: Sequence[CvSplit], target: Target
    ) -> tuple[xgb.Booster, Array]:
        """As by `Boosting`; `progress` is called after each booster."""
        tasks = self.session.sparkContext.defaultParallelism
        with (
            self._installs(features, target) as installs,
            ThreadPoolExecutor(max(1, tasks // self.workers)) as pool,
        ):
            fit = partial(self._fit, installs, target)
            fitted = list(
                pool.map(lambda s: fit(self.num_boost_round, s.train, s.held_out), splits)
            )
            trees = _lowest_loss(np.mean([losses for _, losses in fitted], axis=0))
            boosters = [booster[:trees] for booster, _ in fitted]
            margins = list(pool.map(partial(_margins, installs, target), boosters, splits))
            booster, _ = fit(trees, features)
        out_of_fold = np.zeros((len(target.label), *margins[0][1].shape[1:]))
        for held_out, margin in margins:
            out_of_fold[held_out] = margin
        return booster, out_of_fold

    @contextmanager
    def _installs(self, features: FoldFeatures, target: Target) -> Iterator[Any]:
        """All training installs as a DataFrame of Spark's, with their label and weight."""
        columns: dict[str, NDArray[Any]] = {
            "install": np.arange(len(target.label), dtype=np.int32),
            "fold": features.folds,
            "label": target.label,
        }
        if target.weight is not None:
            columns["weight"] = target.weight
        inputs = features.inputs
        columns |= {f"row {i}": each for i, each in enumerate(inputs.rows)}
        columns |= {f"event {i}": each for i, each in enumerate(inputs.events.T)}
        columns |= {f"numeric {i}": each for i, each in enumerate(inputs.numerics.T)}
        arrays = {name: pa.array(each) for name, each in columns.items()}
        table = self.session.createDataFrame(pa.table(arrays))
        # A booster's tasks run together, each on one of these partitions, in its order.
        table = table.repartitionByRange(self.workers, "install")
        table = table.sortWithinPartitions("install").cache()
        try:
            yield table
        finally:
            table.unpersist()

    def _fit(
        self,
        installs: Any,
        target: Target,
        trees: int,
        train: FoldFeatures,
        held_out: FoldFeatures | None = None,
    ) -> tuple[xgb.Booster, Array]:
        """A booster of `trees` trees, and its loss on `held_out` after each of them."""
        from xgboost.spark import SparkXGBRegressor

        params = dict(self.params)
        params["random_state"] = params.pop("seed")
        params.pop("nthread")  # a task has the cores that Spark gives it
        names = [f"feature {i}" for i in range(train.width())]
        given = ["label"] if target.weight is None else ["label", "weight"]
        types = dict.fromkeys(names, "float") | dict.fromkeys([*given, "margin"], "double")
        regressor = SparkXGBRegressor(
            features_col=names,
            label_col="label",
            weight_col=None if target.weight is None else "weight",
            base_margin_col=None if target.margin is None else "margin",
            validation_indicator_col="held_out" if held_out else None,
            n_estimators=trees,
            num_workers=self.workers,
            verbose=False,
            **params,
        )
        parts = [_Part.of(each, target) for each in (train, held_out) if each]
        schema = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
        build = partial(_build, parts, given)
        model = regressor.fit(installs.mapInArrow(build, f"{schema}, held_out boolean"))
        self.progress()
        booster = model.get_booster()
        booster.feature_names = booster.feature_types = None
        losses = [*model.training_summary.validation_objective_history.values()]
        return booster, np.array(losses[-1] if held_out else [])


@dataclass(frozen=True)
class _Part:
    """Some of the installs, and what builds their features."""

    chosen: NDArray[np.bool_]  # of all installs
    tariffs: Mapping[int, Tariff]  # by fold
    margin: Any  # of the log tariff, or None

    @classmethod
    def of(cls, features: FoldFeatures, target: Target) -> _Part:
        chosen = np.zeros(len(target.label), bool)
        chosen[features.installs] = True
        return cls(chosen, features.tariffs, target.margin)

    def features(self, batch: pa.RecordBatch) -> tuple[NDArray[np.bool_], Any, Array]:
        """Which of the installs in `batch` are chosen, their features and base margins."""
        install, folds, inputs = _read(batch)
        chosen = self.chosen[install]
        if not chosen.any():
            return chosen, None, np.empty(0)
        x, log_tariff = build_features(self.tariffs, inputs.subset(chosen), folds[chosen])
        margin = np.zeros(len(x)) if self.margin is None else self.margin(log_tariff)
        return chosen, x, margin


def _lowest_loss(losses: Array) -> int:
    """The number of trees of the lowest loss, as `xgb.cv` finds it with `PATIENCE`."""
    best = 0
    for index, loss in enumerate(losses.tolist()):
        if loss < losses[best]:
            best = index
        elif index - best >= PATIENCE:
            break
    return best + 1


def _build(
    parts: Sequence[_Part], given: Sequence[str], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """What a booster learns from; the second of `parts` is held out."""
    for batch in batches:
        for held_out, part in enumerate(parts):
            chosen, x, margin = part.features(batch)
            if x is not None:
                columns = {f"feature {i}": column for i, column in enumerate(x.T)}
                columns |= {name: batch[name].to_numpy()[chosen] for name in given}
                columns |= {"margin": margin, "held_out": np.full(len(x), bool(held_out))}
                arrays = {name: np.ascontiguousarray(each) for name, each in columns.items()}
                yield pa.RecordBatch.from_pydict(arrays)


def _margins(
    installs: Any, target: Target, booster: xgb.Booster, split: CvSplit
) -> tuple[Index, Matrix]:
    """The installs that `split` holds out, and the margins that `booster` gives them."""
    part = _Part.of(split.held_out, target)
    predict = partial(_predict, part, bytes(booster.save_raw("ubj")))
    found = installs.mapInArrow(predict, "install int, margins array<float>").toArrow()
    margins = found["margins"].combine_chunks().flatten().to_numpy()
    margins = margins.reshape(len(found), -1)
    if margins.shape[1] == 1:  # as XGBoost has it
        margins = margins[:, 0]
    return found["install"].to_numpy(), margins


def _predict(
    part: _Part, saved: bytes, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    booster = xgb.Booster(model_file=bytearray(saved))
    for batch in batches:
        chosen, x, margin = part.features(batch)
        if x is not None:
            given = None if part.margin is None else margin
            data = xgb.DMatrix(x, base_margin=given)
            found = booster.predict(data, output_margin=True).reshape(len(x), -1)
            ends = np.arange(len(x) + 1, dtype=np.int32) * found.shape[1]
            margins = pa.ListArray.from_arrays(pa.array(ends), pa.array(found.ravel()))
            install = batch["install"].filter(pa.array(chosen))
            yield pa.RecordBatch.from_pydict({"install": install, "margins": margins})


def _read(batch: pa.RecordBatch) -> tuple[Index, Folds, Inputs]:
    """Installs as they were sent: their numbers, folds and inputs."""

    def columns(kind: str) -> list[NDArray[Any]]:
        names = (name for name in batch.schema.names if name.startswith(f"{kind} "))
        return [batch[name].to_numpy() for name in names]

    none = np.empty((len(batch), 0))
    events = np.column_stack([none, *columns("event")])
    numerics = np.column_stack([none, *columns("numeric")])
    inputs = Inputs(columns("row"), events, numerics)
    return batch["install"].to_numpy(), batch["fold"].to_numpy(), inputs
