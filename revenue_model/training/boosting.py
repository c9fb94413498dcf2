"""XGBoost, cross-validated: how many trees, and their predictions of installs they never saw.

The splits of a cross-validation are trained side by side, so XGBoost holds the features of
all of them at once: as bins, a byte each, in memory or in files. No more than a block of
them, or those of one split, exist as numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from revenue_model.model.arrays import Array
from revenue_model.training.cross_fit import CvSplit, FoldFeatures, Index

PATIENCE = 50  # trees without a gain after which the cross-validation stops


@dataclass(frozen=True)
class Target:
    """What is learned; the arrays are of all training installs, used or not."""

    label: Array
    weight: Array | None = None
    margin: Callable[[Array], Array] | None = None  # the base margin of the log tariff

    def of(self, installs: Index, log_tariff: Array) -> dict[str, Array]:
        """That of `installs`, as XGBoost names it."""
        found = {"label": self.label[installs]}
        if self.weight is not None:
            found["weight"] = self.weight[installs]
        if self.margin is not None:
            found["base_margin"] = self.margin(log_tariff)
        return found


@dataclass(frozen=True)
class Boosting:
    """How boosters are trained: XGBoost's parameters, and the most trees that are tried."""

    params: dict[str, Any]
    num_boost_round: int
    progress: Callable[[], None] = lambda: None  # called after each tree
    scratch: str | None = None  # a folder for the bins; None: they stay in memory

    def train(
        self, features: FoldFeatures, splits: Sequence[CvSplit], target: Target
    ) -> tuple[xgb.Booster, Array]:
        """The booster of `features`, and the margins of all training installs out of fold.

        Installs that no split holds out have the margin 0. The number of trees is that of
        the lowest mean loss over the splits.
        """
        trees, margins = self._cross_validate(splits, target)
        callbacks = [_Progress(self.progress)]
        data = self._data(features, target)
        return xgb.train(self.params, data, trees, callbacks=callbacks), margins

    def _cross_validate(self, splits: Sequence[CvSplit], target: Target) -> tuple[int, Array]:
        """The number of trees, and the margins out of fold."""
        pairs = []
        for split in splits:
            train = self._data(split.train, target)
            pairs.append((train, self._data(split.held_out, target, ref=train)))
        data = iter(pairs)
        keep = _KeepFolds()
        curve = xgb.cv(
            self.params,
            # Its slices are thrown away, for each split has data of its own.
            xgb.DMatrix(np.zeros((1, 1)), np.zeros(1)),
            self.num_boost_round,
            folds=[([0], [0])] * len(splits),
            fpreproc=lambda _train, _test, params: (*next(data), params),
            early_stopping_rounds=PATIENCE,
            callbacks=[_Progress(self.progress), keep],
            seed=self.params["seed"],
        )
        mean_loss = pd.DataFrame(curve).filter(regex="^test-.*-mean$").iloc[:, -1]
        trees = int(mean_loss.argmin()) + 1
        margins = [
            fold.bst.predict(fold.dtest, iteration_range=(0, trees), output_margin=True)
            for fold in keep.folds
        ]
        out_of_fold = np.zeros((len(target.label), *margins[0].shape[1:]))
        for split, margin in zip(splits, margins, strict=True):
            out_of_fold[split.held_out.installs] = margin
        return trees, out_of_fold

    def _data(
        self, features: FoldFeatures, target: Target, ref: xgb.DMatrix | None = None
    ) -> xgb.DMatrix:
        """`features` in bins, those of `ref` if that is given."""
        given = {"ref": ref, "nthread": self.params["nthread"] or None}
        if self.scratch is None:
            return xgb.QuantileDMatrix(_Blocks(features, target), **given)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        return xgb.ExtMemQuantileDMatrix(_Blocks(features, target, folder), **given)


class _Blocks(xgb.DataIter):
    """Gives XGBoost one block of installs after another; it reads them all four times."""

    def __init__(self, features: FoldFeatures, target: Target, cache: Path | None = None) -> None:
        super().__init__(cache_prefix=None if cache is None else str(cache / "bins"))
        self._features, self._target = features, target
        self._kept = None if cache else list(features.blocks())
        self.reset()

    def reset(self) -> None:
        self._blocks = self._features.blocks() if self._kept is None else iter(self._kept)

    def next(self, input_data: Callable[..., None]) -> bool:
        for installs, x, log_tariff in self._blocks:
            input_data(data=x, **self._target.of(installs, log_tariff))
            return True
        return False


class _Progress(xgb.callback.TrainingCallback):
    def __init__(self, report: Callable[[], None]) -> None:
        self._report = report

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self._report()
        return False


class _KeepFolds(xgb.callback.TrainingCallback):
    """Keeps the boosters of `xgb.cv`, which returns only their losses."""

    def before_training(self, model: Any) -> Any:
        self.folds = model.cvfolds
        return model
