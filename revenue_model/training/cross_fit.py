"""The trees' features of training installs, by tariffs that never saw their revenue.

So the trees trust what they get no more than new installs deserve. The splits of the
cross-validation are nested: the features of their training installs are cross-fitted again
without the installs held out, or the trees would hear of these by the tariffs of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from revenue_model.model.arrays import Array, Matrix
from revenue_model.model.features import encodings, features
from revenue_model.model.inputs import Inputs
from revenue_model.model.tariff import Tariff
from revenue_model.training.settings import MIN_FOLDS, TrainingSettings
from revenue_model.training.tariff_fit import Installs, TariffSpec, fit_tariff

Folds = NDArray[np.int16]
Index = NDArray[np.int32]
# A fold's model knows fewer installs than the whole one, which widens the intervals where
# there are few. With so many, half the folds do as well.
_MANY_INSTALLS = 50_000
_BLOCK = 65_536  # installs whose features are made at once


def folds_by_features(features: pd.DataFrame, settings: TrainingSettings) -> Folds:
    """A fold for each install, by its features alone.

    So an install is in the same fold whatever others there are, and installs that are alike
    are together.
    """
    hashes = pd.util.hash_pandas_object(features, index=False).to_numpy()
    mixed = (hashes ^ np.uint64(settings.seed)) * np.uint64(0x9E3779B97F4A7C15)
    count = settings.folds
    if len(features) >= _MANY_INSTALLS:
        count = max(count // 2, MIN_FOLDS)
    return np.asarray((mixed >> np.uint64(33)) % np.uint64(count), np.int16)


def with_payers(folds: Folds, revenue: Array, count: int) -> Folds:
    """`folds`, or where payers are so alike that few folds have any, `count` by revenue."""
    if len(np.unique(folds[revenue > 0])) >= MIN_FOLDS:
        return folds
    return (revenue.argsort().argsort() % count).astype(np.int16)


def build_features(
    tariffs: Mapping[int, Tariff], inputs: Inputs, folds: Folds
) -> tuple[Matrix, Array]:
    """The features of installs and the log of their revenue, by the tariffs of their folds."""
    parts, log_tariff = [], np.empty(len(folds))
    for fold in np.unique(folds).tolist():
        tariff = tariffs[fold]
        part, log_tariff[folds == fold] = features(
            tariff, encodings(tariff), inputs.subset(folds == fold)
        )
        parts.append(part)
    x = np.empty((len(folds), parts[0].shape[1]), np.float32)
    x[np.argsort(folds, kind="stable")] = np.concatenate(parts)
    return x, log_tariff


@dataclass(frozen=True)
class FoldFeatures:
    """The features of some training installs, built when they are asked for."""

    installs: Index  # which of the training installs
    inputs: Inputs  # of all training installs
    folds: Folds  # likewise
    tariffs: Mapping[int, Tariff]  # by fold

    def subset(self, chosen: NDArray[np.bool_]) -> Self:
        """Those in `chosen`, a mask of all training installs."""
        return replace(self, installs=self.installs[chosen[self.installs]])

    def blocks(self) -> Iterator[tuple[Index, Matrix, Array]]:
        """Installs in their order, with their features and the log of their tariff."""
        for start in range(0, len(self.installs), _BLOCK):
            installs = self.installs[start : start + _BLOCK]
            yield installs, *self._build(installs)

    def width(self) -> int:
        return int(self._build(self.installs[:1])[0].shape[1])

    def log_tariff(self) -> Array:
        return np.concatenate([log_tariff for _, _, log_tariff in self.blocks()])

    def _build(self, installs: Index) -> tuple[Matrix, Array]:
        inputs, folds = self.inputs.subset(installs), self.folds[installs]
        return build_features(self.tariffs, inputs, folds)


@dataclass(frozen=True)
class CvSplit:
    """A split of the cross-validation: nothing in `train` knows of the installs held out."""

    train: FoldFeatures
    held_out: FoldFeatures

    def subset(self, chosen: NDArray[np.bool_]) -> Self:
        return type(self)(self.train.subset(chosen), self.held_out.subset(chosen))


class CrossFit:
    """The tariffs of all combinations of folds that training asks for, each fitted once."""

    def __init__(self, spec: TariffSpec, installs: Installs, folds: Folds) -> None:
        self._spec, self._installs, self._folds = spec, installs, folds
        self._tariffs: dict[frozenset[int], Tariff] = {}

    def tariff(self, without: frozenset[int] = frozenset()) -> Tariff:
        """The tariff of the installs outside the folds `without`."""
        if without not in self._tariffs:
            others = self._installs.subset(~np.isin(self._folds, list(without)))
            self._tariffs[without] = fit_tariff(others, self._spec)
        return self._tariffs[without]

    def features(self, without: frozenset[int] = frozenset()) -> FoldFeatures:
        """Of the installs outside the folds `without`."""
        whole, tariffs = self.tariff(without), {}
        for fold in sorted(set(self._folds.tolist()) - without):
            tariff = self.tariff(without | {fold})
            # A fold's own level would be noise to the trees, and the level is no secret.
            others = self._installs.inputs.subset(~np.isin(self._folds, [*without, fold]))
            gap = float(np.median(whole.log_revenue(others) - tariff.log_revenue(others)))
            tariffs[fold] = replace(tariff, base=tariff.base + gap)
        return self._features(tariffs)

    def splits(self) -> list[CvSplit]:
        """One for each fold."""
        folds = (frozenset([fold]) for fold in np.unique(self._folds).tolist())
        return [
            CvSplit(self.features(fold), self._features(dict.fromkeys(fold, self.tariff(fold))))
            for fold in folds
        ]

    def _features(self, tariffs: dict[int, Tariff]) -> FoldFeatures:
        """Of the installs in the folds of `tariffs`, each by its fold's tariff."""
        installs = np.flatnonzero(np.isin(self._folds, list(tariffs))).astype(np.int32)
        return FoldFeatures(installs, self._installs.inputs, self._folds, tariffs)
