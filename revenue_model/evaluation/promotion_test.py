"""May the challenger replace the champion? The decision, and the table it rests on.

Both predict the same labelled installs, which neither has learned from, and are compared
by a paired bootstrap. The challenger must be

- *better*: its mean Tweedie deviance is lower by at least `min_deviance_gain`. Deviance is a
  proper score of a mean: no model gets a lower one by shifting its predictions, as a lower
  absolute error can be had by predicting the median;
- *not worse*: its absolute error, its normalized Gini and its distance from an unbiased
  total, |log(predicted / real)|, are worse by no more than a margin;

each with `confidence`: what the data cannot show is refused. The distances are compared by
pairs because a whale moves the real total of both alike: totals that differ by less than the
margin pass whatever the whales do, and 10% more or less does not. Its own total bias may not
be shown to be outside of a limit either.

A country booked in another unit holds nearly all of the money in a few installs. It would
decide alone, by chance, and hide all others. So where a few installs hold over half of the
revenue, the rest decides. Of all installs nothing may be *shown to be* worse, and only a
challenger that saves half of their deviance is better by them, as one that mends the level of
that country: less can be chance, since a bootstrap of a dozen payers is too sure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revenue_model.errors import CommandError
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.paired_bootstrap import (
    DEVIANCE,
    TOTAL_BIAS,
    ForecastPair,
    worse_by,
)
from revenue_model.model.arrays import Array

# A dominating segment with more of the installs is business as usual.
MAX_DOMINATING_SHARE = 0.05
MIN_JUDGED_PAYERS = 50  # of which a resample knows the spread
MENDED = 0.5  # share of all installs' deviance that must be saved where few have the money
ALL, REST = "all", "rest"


@dataclass(frozen=True)
class Limits:
    """What the promotion test asks for.

    Raises `ValueError` naming the limit that makes no sense.
    """

    confidence: float = 0.95  # of each statement, one-sided
    min_deviance_gain: float = 0.02  # share of the champion's that the challenger must save
    max_mae_increase: float = 0.1  # share by which its absolute error may be higher
    max_gini_loss: float = 0.005  # by which its normalized Gini may be lower
    max_bias_distance: float = 0.08  # by which its total may be further off, in log
    max_total_bias: float = 0.25  # how far its total may be off at most, in log
    draws: int = 1000  # resamples
    min_installs: int = 1000  # labelled installs that must be there
    seed: int = 7  # of the resamples

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence:g}; give one from 0.5 to 1.")
        for name, value in vars(self).items():
            if not value >= 0:  # nor is NaN
                raise ValueError(f"{name} is {value:g}; give 0 or more.")
        if self.draws < 1 / (1 - self.confidence):
            raise ValueError(
                f"{self.draws} draws cannot show anything with a confidence of "
                f"{self.confidence:g}; give -P draws=2000."
            )

    def worst(self, *, decides: bool) -> dict[str, float]:
        """The most that the challenger may be worse by, by measure; below 0: better by."""
        return {
            DEVIANCE: -self.min_deviance_gain if decides else -MENDED,
            "mae": self.max_mae_increase,
            "gini": self.max_gini_loss,
            "bias_distance": self.max_bias_distance,
            TOTAL_BIAS: self.max_total_bias,
        }


@dataclass(frozen=True)
class Verdict:
    """The decision.

    `table` has a row per part and measure: both figures, `worse_by` (below 0 the challenger
    is better) with its interval from `low` to `high`, the `limit`, and what is `shown`:
    "yes" the limit holds, "no" it does not, or "unclear".
    """

    promote: bool
    reasons: tuple[str, ...]  # of a refusal
    installs: int
    table: pd.DataFrame

    @property
    def outcome(self) -> str:
        return "promote" if self.promote else "refuse: " + " ".join(self.reasons)

    def text(self) -> str:
        shown = self.table.to_string(index=False, float_format=lambda value: f"{value:.4g}")
        return f"{shown}\nOf {self.installs} labelled installs."

    def figures(self) -> dict[str, float]:
        """``mae_rest_worse_by`` and the like, for ``mlflow.log_metrics``."""
        return {
            f"{row.measure}{'' if row.part == ALL else '_' + row.part}_{name}": float(value)
            for row in self.table.itertuples()
            for name in ("champion", "challenger", "worse_by", "low", "high")
            if np.isfinite(value := getattr(row, name))
        }


def judge(champion: Forecast, challenger: Forecast, limits: Limits) -> Verdict:
    """Decide by two forecasts of the same installs.

    Raises `CommandError` for too few installs.
    """
    parts = {ALL: (champion, challenger)}
    hiding = champion.dominating
    if hiding is not None and hiding.install_share < MAX_DOMINATING_SHARE:
        parts[REST] = champion.without(hiding), challenger.without(hiding)
    decides = REST if REST in parts else ALL
    real = parts[decides][0].real
    payers = int((real > 0).sum())
    if len(real) < limits.min_installs or payers < MIN_JUDGED_PAYERS:
        raise CommandError(
            f"{len(real)} labelled installs, {payers} of them with revenue, are left to judge "
            f"by; at least {limits.min_installs} and {MIN_JUDGED_PAYERS} are needed. Give "
            "installs that neither version was trained on, of a longer time, or a lower "
            "-P min_installs=."
        )
    rows = []
    for part, forecasts in parts.items():
        pair = ForecastPair(*forecasts)
        drawn = pair.worse_by(limits.draws, np.random.default_rng(limits.seed))
        worst = limits.worst(decides=part == decides)
        rows += _compared(pair, drawn, part, worst, limits.confidence)
    table = pd.DataFrame(rows)
    reasons = _reasons(table, decides)
    return Verdict(not reasons, reasons, len(champion.real), table)


def _compared(
    pair: ForecastPair,
    drawn: Mapping[str, Array],
    part: str,
    worst: Mapping[str, float],
    confidence: float,
) -> list[dict[str, object]]:
    """A row per measure of champion and challenger."""
    before, after = pair.measures(np.ones((1, pair.installs)))
    worse = worse_by(before, after)
    rows: list[dict[str, object]] = []
    for measure, limit in worst.items():
        low, high = np.quantile(drawn[measure], [1 - confidence, confidence])
        rows.append(
            {
                "part": part,
                "measure": measure,
                "champion": float(before[measure][0]),
                "challenger": float(after[measure][0]),
                "worse_by": float(worse[measure][0]),
                "low": float(low),
                "high": float(high),
                "limit": limit,
                "shown": "yes" if high <= limit else "no" if low > limit else "unclear",
            }
        )
    return rows


def _reasons(table: pd.DataFrame, decides: str) -> tuple[str, ...]:
    """Why not, a sentence each."""
    reasons = []
    for row in table.itertuples():
        where = "" if row.part == ALL else f" of the {row.part}"
        by = f"by {row.worse_by:.3g}, from {row.low:.3g} to {row.high:.3g}"
        must_show = row.part == decides and row.measure != TOTAL_BIAS
        if row.measure == DEVIANCE:
            if row.low > 0:
                reasons.append(f"{row.measure}{where} is higher ({by}).")
        elif row.measure == TOTAL_BIAS and row.shown == "no":
            reasons.append(f"{row.measure}{where} is off {by}, allowed are {row.limit:g}.")
        elif row.shown == "no" or (must_show and row.shown == "unclear"):
            verb = "is" if row.shown == "no" else "may be"
            reasons.append(f"{row.measure}{where} {verb} worse {by}; allowed are {row.limit:g}.")
    better = table[table["measure"] == DEVIANCE]
    if not (better["shown"] == "yes").any():
        row = better[better["part"] == decides].iloc[0]
        saved, low, high = (0.0 - row[name] for name in ("worse_by", "high", "low"))
        reasons.append(
            f"{DEVIANCE} is not shown to be lower by {0.0 - row['limit']:.3g} "
            f"(lower by {saved:.3g}, from {low:.3g} to {high:.3g})."
        )
    return tuple(reasons)
