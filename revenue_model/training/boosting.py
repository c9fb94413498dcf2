"""XGBoost, cross-validated: how many trees, and what they say of installs they never saw.

The rounds of a cross-validation are trained side by side, so XGBoost holds the features of
all of them at once: as bins, a byte each, in memory or in files. No more than a block of
them, or those of one round, exist as numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from revenue_model.model.arrays import Array, Matrix
from revenue_model.model.estimator import Inputs

Index = NDArray[np.int32]
Folds = NDArray[np.int16]
Teller = Callable[[Inputs, Folds], tuple[Matrix, Array]]  # features and log tariff of installs
PATIENCE = 50  # trees without a gain after which the cross-validation stops
_BLOCK = 65_536  # installs whose features are made at once


@dataclass(frozen=True)
class Told:
    """What the trees are told of some installs, made when it is asked for."""

    installs: Index  # which of the training installs
    inputs: Inputs  # of all training installs
    folds: Folds
    tell: Teller

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """What is told of those in `chosen`, a mask of the training installs."""
        return replace(self, installs=self.installs[chosen[self.installs]])

    def blocks(self) -> Iterator[tuple[Index, Matrix, Array]]:
        """Installs in their order, with what is told of them."""
        for start in range(0, len(self.installs), _BLOCK):
            installs = self.installs[start : start + _BLOCK]
            yield installs, *self.tell(self.inputs.part(installs), self.folds[installs])

    def width(self) -> int:
        """The number of features."""
        one = self.installs[:1]
        return int(self.tell(self.inputs.part(one), self.folds[one])[0].shape[1])

    def log_tariff(self) -> Array:
        return np.concatenate([log_tariff for _, _, log_tariff in self.blocks()])


@dataclass(frozen=True)
class Round:
    """A round of the cross-validation: nothing that is told to `train` knows of `held`."""

    train: Told
    held: Told

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        return type(self)(self.train.of(chosen), self.held.of(chosen))

    def is_of_use(self) -> bool:
        """Whether there are installs on both sides."""
        return bool(len(self.train.installs) and len(self.held.installs))


@dataclass(frozen=True)
class Target:
    """What is learned: of all training installs, those included that are told nothing of."""

    label: Array
    weight: Array | None = None
    margin: Callable[[Array], Array] | None = None  # the base margin of the log tariff

    def of(self, installs: Index, log_tariff: Array) -> dict[str, Array]:
        """As XGBoost names it."""
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
    rounds: int
    progress: Callable[[], None] = lambda: None  # called after each tree
    scratch: Path | None = None  # a folder for the bins; None: they stay in memory

    def train(
        self, told: Told, rounds: Sequence[Round], target: Target
    ) -> tuple[xgb.Booster, Array]:
        """The booster of `told`, and the margins of all training installs out of fold.

        Installs that no round holds back have the margin 0. The number of trees is that of
        the least mean loss over the rounds.
        """
        useful = [each for each in rounds if each.is_of_use()]
        trees, margins = self._cross_validate(useful, target)
        callbacks = [_Progress(self.progress)]
        data = self._data(told, target)
        return xgb.train(self.params, data, trees, callbacks=callbacks), margins

    def _cross_validate(self, rounds: Sequence[Round], target: Target) -> tuple[int, Array]:
        """The number of trees, and the margins out of fold."""
        parts = []
        for each in rounds:
            train = self._data(each.train, target)
            parts.append((train, self._data(each.held, target, ref=train)))
        of_round = iter(parts)
        keep = _KeepFolds()
        curve = xgb.cv(
            self.params,
            # Its slices are thrown away, for each round has data of its own.
            xgb.DMatrix(np.zeros((1, 1)), np.zeros(1)),
            self.rounds,
            folds=[([0], [0])] * len(rounds),
            fpreproc=lambda _train, _held, params: (*next(of_round), params),
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
        for each, margin in zip(rounds, margins, strict=True):
            out_of_fold[each.held.installs] = margin
        return trees, out_of_fold

    def _data(self, part: Told, target: Target, ref: xgb.DMatrix | None = None) -> xgb.DMatrix:
        """The installs of `part` in bins, those of `ref` if that is given."""
        given = {"ref": ref, "nthread": self.params["nthread"] or None}
        if self.scratch is None:
            return xgb.QuantileDMatrix(_Blocks(part, target), **given)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        return xgb.ExtMemQuantileDMatrix(_Blocks(part, target, folder), **given)


class _Blocks(xgb.DataIter):
    """Hands XGBoost a block of installs after the other; it goes over them four times."""

    def __init__(self, part: Told, target: Target, cache: Path | None = None) -> None:
        super().__init__(cache_prefix=None if cache is None else str(cache / "bins"))
        self._part, self._target = part, target
        self._kept = None if cache else list(part.blocks())
        self.reset()

    def reset(self) -> None:
        self._blocks = self._part.blocks() if self._kept is None else iter(self._kept)

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
