"""What `/stats` answers."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class Counts(BaseModel):
    """Predictions counted together. Money is USD; without predictions there is no mean."""

    predictions: int = Field(default=0, description="answered rows")
    failed: int = Field(default=0, description="rows of requests that were refused or failed")
    dropped: int = Field(
        default=0,
        description="rows that could not be logged; counted by model version and time only",
    )
    first_prediction: datetime | None = None
    last_prediction: datetime | None = None
    sum_predicted_revenue: float = 0.0
    mean_predicted_revenue: float | None = None
    min_predicted_revenue: float | None = None
    max_predicted_revenue: float | None = None
    predicted_revenue_quantiles: dict[str, float | None] = Field(
        default={}, description="p25 to p99, from a histogram: right to about 15%"
    )
    zero_share: float | None = Field(default=None, description="below half a cent")
    mean_inference_time_ms: float | None = Field(default=None, description="of the whole request")
    inference_time_ms_quantiles: dict[str, float | None] = Field(
        default={}, description="p50 and p99, from a histogram"
    )


class Group(Counts):
    """The predictions of one value of what was grouped by."""

    value: str


class SegmentCount(BaseModel):
    """Predictions for one value of a segment column."""

    value: str
    predictions: int
    sum_predicted_revenue: float
    mean_predicted_revenue: float | None


class SegmentColumn(BaseModel):
    """What was predicted by the values of one segment column."""

    name: str
    values: int = Field(description="how many different ones were predicted")
    top: list[SegmentCount] = Field(description="the most frequent, at most 10")


class Bucket(BaseModel):
    """Predictions of at least `least_revenue` and less than the next bucket's."""

    least_revenue: float
    predictions: int


class Realised(BaseModel):
    """What one version's predictions were worth. Money only of matured, labelled installs."""

    model_version: str
    installs: int = Field(description="users with a prediction of this version")
    matured: int = Field(description="whose 7 days are over")
    labelled: int = Field(description="matured and with a label: what the rest is about")
    matured_share: float
    predicted_sum: float
    real_sum: float
    bias: float | None = Field(description="predicted / real; 1 is unbiased")
    bias_low: float | None = Field(description="95% interval; null below 30 installs")
    bias_high: float | None
    mae: float | None
    gini: float | None = Field(description="normalized; 1 orders installs as their revenue")
    with_interval: int = Field(description="labelled installs whose interval was logged")
    coverage: float | None = Field(description="of these, the share inside it")
    as_of: datetime


class Compared(BaseModel):
    """A version beside another that was asked at the same time. Intervals are of 95%.

    `against_` is of the other version. Bias and MAE are of matured, labelled installs; null
    is what there are too few for, 30 of each version for an interval.
    """

    same_installs: bool = Field(
        description="both predicted each install, one in shadow; else each a share of users"
    )
    model_version: str
    against_version: str
    since: datetime
    until: datetime
    installs: int
    against_installs: int
    predicted_mean: float | None
    against_predicted_mean: float | None
    predicted_ratio: float | None = Field(description="of the means")
    predicted_ratio_low: float | None
    predicted_ratio_high: float | None
    labelled: int
    against_labelled: int
    bias: float | None = Field(description="predicted / real; 1 is unbiased")
    bias_low: float | None
    bias_high: float | None
    against_bias: float | None
    against_bias_low: float | None
    against_bias_high: float | None
    mae: float | None
    against_mae: float | None
    mae_difference: float | None = Field(description="below 0 this version is the better one")
    mae_difference_low: float | None
    mae_difference_high: float | None
    as_of: datetime


class Stats(Counts):
    """What was predicted from `start` to `end`. Times are UTC."""

    total_predictions: int
    start: datetime
    end: datetime
    segments: list[SegmentColumn] = Field(
        description="the segment columns of the models, as the log names them"
    )
    platform_distribution: dict[str, int] = Field(
        description="of the first segment column with platform in its name"
    )
    revenue_distribution: list[Bucket] = Field(description="USD, growing by a constant factor")
    top_countries: list[SegmentCount] = Field(
        description="of the first segment column with country in its name"
    )
    group_by: str | None = None
    groups: list[Group] = Field(default=[], description="largest first; days and hours in order")
    realised: list[Realised] = Field(
        default=[], description="by version, of all installs in the log, not of the window"
    )
    compared: list[Compared] = Field(
        default=[], description="versions side by side, of all installs in the log"
    )
