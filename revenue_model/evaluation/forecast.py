"""A forecast that can be judged: what was predicted for installs whose revenue is known.

Metrics, figures and the promotion test take it, so that a forecast is put together once.
A segment is a value of a country, a source, a platform; what is missing is one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.category import MISSING, category_of

_DEFAULT_UNIT = "USD"


@dataclass(frozen=True)
class Interval:
    """Bounds for the revenue of each install, and the share of installs they shall hold."""

    low: Array
    high: Array
    level: float

    def holds(self, real: Array) -> NDArray[np.bool_]:
        """Which of the installs have their revenue between the bounds."""
        return (self.low <= real) & (real <= self.high)


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


@dataclass(frozen=True)
class Forecast:
    """Real and predicted revenue, a number per install, in the order of `segments`' rows."""

    real: Array
    predicted: Array
    segments: pd.DataFrame = field(default_factory=pd.DataFrame)  # the segment columns
    payer_probability: Array | None = None
    interval: Interval | None = None
    unit: str = _DEFAULT_UNIT  # of revenue

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        schema: Schema,
        answer: Mapping[str, Any],
        level: float | None = None,
    ) -> Self:
        """From labelled installs and a model's `answer` for them, by output column.

        Bounds in the answer count as an interval where `level` is given.
        """
        outputs = {name: np.asarray(answer[name], np.float64) for name in answer}
        interval = None
        if level is not None and "revenue_low" in outputs:
            interval = Interval(outputs["revenue_low"], outputs["revenue_high"], level)
        return cls(
            real=table[schema.target.name].to_numpy(np.float64),
            predicted=outputs["predicted_revenue"],
            segments=table[list(schema.segments)],
            payer_probability=outputs.get("payer_probability"),
            interval=interval,
            unit=schema.target.unit or _DEFAULT_UNIT,
        )

    def part(self, members: NDArray[np.bool_] | NDArray[np.intp]) -> Forecast:
        """The forecast of some of the installs."""
        probability, interval = self.payer_probability, self.interval
        if interval is not None:
            interval = replace(interval, low=interval.low[members], high=interval.high[members])
        return replace(
            self,
            real=self.real[members],
            predicted=self.predicted[members],
            segments=self.segments.iloc[members] if len(self.segments.columns) else self.segments,
            payer_probability=None if probability is None else probability[members],
            interval=interval,
        )

    def without(self, segment: DominatingSegment) -> Forecast:
        """The forecast of the installs outside of `segment`."""
        return self.part(~segment.members(self.segments))

    @cached_property
    def dominating(self) -> DominatingSegment | None:
        """The segment value that holds over half of the revenue in under half of the installs.

        Of several, the one with the fewest installs; None if there is none.
        """
        found = []
        for column in self.segments:
            grouped = pd.Series(self.real).groupby(labels_of(self.segments[column]))
            shares = pd.DataFrame({"revenue": grouped.sum(), "installs": grouped.size()})
            shares /= self.real.sum() or 1.0, len(self.real)
            for value, (revenue, installs) in shares.iterrows():
                if revenue > 0.5 > installs:
                    found.append(DominatingSegment(str(column), str(value), revenue, installs))
        return min(found, key=lambda segment: segment.install_share, default=None)


def labels_of(column: pd.Series) -> pd.Series:
    """The category of each install, with a name for what is missing."""
    codes, values = pd.factorize(column)
    labels = [*(category_of(value) or MISSING for value in values), MISSING]
    return pd.Series(np.array(labels, object)[codes])  # a missing value has the code -1
