"""Which fold of the cross-validation an install is in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from revenue_model.model.arrays import Array
from revenue_model.training.settings import MIN_FOLDS, TrainingSettings

Folds = NDArray[np.int16]
# A fold's model knows fewer installs than the whole one, which widens the intervals where
# there are few. With so many, half the folds do as well.
_MANY_INSTALLS = 50_000


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
