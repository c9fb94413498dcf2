"""XGBoost, cross-validated: how many trees, and what they say of installs they never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from revenue_model.model.encoders import Array
from revenue_model.model.features import Matrix

Folds = NDArray[np.int64]
_PATIENCE = 50  # trees without a gain after which the cross-validation stops


@dataclass(frozen=True)
class Boosting:
    """How boosters are trained: XGBoost's parameters, and the most trees that are tried."""

    params: dict[str, Any]
    rounds: int
    loss: Callable[[Array, xgb.DMatrix], tuple[str, float]] | None = None  # XGBoost's if None
    progress: Callable[[], None] = lambda: None  # called after each tree

    def train(
        self,
        x: Matrix,
        label: Array,
        folds: Folds,
        margin: Array | None = None,
        weight: Array | None = None,
    ) -> tuple[xgb.Booster, Array]:
        """The booster of all installs, and for each install its out-of-fold margin.

        The number of trees is that of the least mean loss over the folds.
        """
        data = xgb.DMatrix(x, label, base_margin=margin, weight=weight)
        parts = [np.flatnonzero(folds == part) for part in np.unique(folds)]
        every = np.arange(len(x))
        keep = _KeepFolds()
        curve = xgb.cv(
            self.params,
            data,
            self.rounds,
            folds=[(np.setdiff1d(every, held), held) for held in parts],
            custom_metric=self.loss,
            early_stopping_rounds=_PATIENCE,
            callbacks=[_Progress(self.progress), keep],
            seed=self.params["seed"],
        )
        mean_loss = pd.DataFrame(curve).filter(regex="^test-.*-mean$").iloc[:, -1]
        trees = int(mean_loss.argmin()) + 1
        margins = [
            fold.bst.predict(fold.dtest, iteration_range=(0, trees), output_margin=True)
            for fold in keep.folds
        ]
        out_of_fold = np.empty((len(x), *margins[0].shape[1:]))
        out_of_fold[np.concatenate(parts)] = np.concatenate(margins)
        callbacks = [_Progress(self.progress)]
        return xgb.train(self.params, data, trees, callbacks=callbacks), out_of_fold


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
