"""XGBoost, cross-validated: how many trees, and what they say of installs they never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from revenue_model.model.encoders import Array
from revenue_model.model.features import Matrix

Index = NDArray[np.int64]
_PATIENCE = 50  # trees without a gain after which the cross-validation stops


@dataclass(frozen=True)
class Told:
    """What the trees are told of some installs."""

    installs: Index  # which of the training installs
    x: Matrix  # (installs, features)
    log_tariff: Array

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """What is told of those in `chosen`, a mask of the training installs."""
        here = chosen[self.installs]
        return type(self)(self.installs[here], self.x[here], self.log_tariff[here])


@dataclass(frozen=True)
class Round:
    """A round of the cross-validation: nothing that is told to `train` knows of `held`."""

    train: Told
    held: Told

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        return type(self)(self.train.of(chosen), self.held.of(chosen))


@dataclass(frozen=True)
class Boosting:
    """How boosters are trained: XGBoost's parameters, and the most trees that are tried."""

    params: dict[str, Any]
    rounds: int
    loss: Callable[[Array, xgb.DMatrix], tuple[str, float]] | None = None  # XGBoost's if None
    progress: Callable[[], None] = lambda: None  # called after each tree

    def train(
        self,
        told: Told,
        rounds: Sequence[Round],
        label: Array,
        margin: Callable[[Array], Array] | None = None,
        weight: Array | None = None,
    ) -> tuple[xgb.Booster, Array]:
        """The booster of `told`, and the margins of all training installs out of fold.

        `label` and `weight` are of all training installs; `margin` makes the base margin
        of the log tariff. Installs that no round holds back have the margin 0. The number of
        trees is that of the least mean loss over the rounds.
        """

        def data(part: Told) -> xgb.DMatrix:
            return xgb.DMatrix(
                part.x,
                label[part.installs],
                base_margin=None if margin is None else margin(part.log_tariff),
                weight=None if weight is None else weight[part.installs],
            )

        whole = data(told)
        rounds = [
            each for each in rounds if len(each.train.installs) and len(each.held.installs)
        ]
        parts = iter([(data(each.train), data(each.held)) for each in rounds])
        keep = _KeepFolds()
        curve = xgb.cv(
            self.params,
            whole,
            self.rounds,
            # Slices that cost nothing, for each round has data of its own.
            folds=[([0], [0])] * len(rounds),
            fpreproc=lambda _train, _held, params: (*next(parts), params),
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
        out_of_fold = np.zeros((len(label), *margins[0].shape[1:]))
        out_of_fold[np.concatenate([each.held.installs for each in rounds])] = np.concatenate(
            margins
        )
        callbacks = [_Progress(self.progress)]
        return xgb.train(self.params, whole, trees, callbacks=callbacks), out_of_fold


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
