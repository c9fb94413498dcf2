"""A forecast that can be judged: what was predicted for installs whose revenue is known.

Metrics, figures and the promotion test take it, so that a forecast is put together once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from revenue_model.evaluation.segments import DominatingSegment, dominating_segment
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema

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
            segments=self.segments.iloc[members]
            if len(self.segments.columns)
            else self.segments,
            payer_probability=None if probability is None else probability[members],
            interval=interval,
        )

    def without(self, segment: DominatingSegment) -> Forecast:
        """The forecast of the installs outside of `segment`."""
        return self.part(~segment.members(self.segments))

    @cached_property
    def dominating(self) -> DominatingSegment | None:
        """The segment value in which a minority of the installs has most of the revenue."""
        return dominating_segment(self.real, self.segments)
