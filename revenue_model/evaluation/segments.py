"""Segments: each value of a country, a source, a platform; what is missing is one too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from revenue_model.model.arrays import Array
from revenue_model.prediction_log.category import MISSING, category_of


@dataclass(frozen=True)
class DominatingSegment:
    """A minority of the installs that holds more than half of the revenue."""

    column: str
    value: str
    revenue_share: float
    install_share: float

    def members(self, segments: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows of `segments` belong to it, however their value is spelled."""
        return np.asarray(labels_of(segments[self.column]) == self.value)


def dominating_segment(real: Array, segments: pd.DataFrame) -> DominatingSegment | None:
    """The segment value that holds over half of the revenue in under half of the installs.

    Of several, the one with the fewest installs; None if there is none.
    """
    found = []
    for column in segments:
        grouped = pd.Series(real).groupby(labels_of(segments[column]))
        shares = pd.DataFrame({"revenue": grouped.sum(), "installs": grouped.size()})
        shares /= real.sum() or 1.0, len(real)
        for value, (revenue, installs) in shares.iterrows():
            if revenue > 0.5 > installs:
                found.append(DominatingSegment(str(column), str(value), revenue, installs))
    return min(found, key=lambda segment: segment.install_share, default=None)


def labels_of(column: pd.Series) -> pd.Series:
    """The category of each install, with a name for what is missing."""
    codes, values = pd.factorize(column)
    labels = [*(category_of(value) or MISSING for value in values), MISSING]
    return pd.Series(np.array(labels, object)[codes])  # a missing value has the code -1
