"""May the challenger replace the champion? The decision, and the table it rests on.

Both predict the same labelled installs, which neither has learned from, and a bootstrap
draws users: in every draw both are judged on the same ones, so what chance does to both
cancels. The challenger must be

- *better*: its mean Tweedie deviance is lower by at least `gain`. Deviance is a proper score
  of a mean: no model gets a lower one by shifting its predictions, as a lower absolute error
  can be had by predicting the median;
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

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import pandas as pd

from revenue_model.errors import CommandError
from revenue_model.evaluation.metrics import FLOOR
from revenue_model.evaluation.segments import dominating_segment
from revenue_model.model.arrays import Array
from revenue_model.training.tweedie import deviance

FEW = 0.05  # of the installs; a dominating segment with more of them is business as usual
LEAST_PAYERS = 50  # of which a resample knows the spread
MENDED = 0.5  # share of all installs' deviance that must be saved where few have the money
ALL, REST = "all", "rest"
BETTER = "tweedie_deviance"
TOTAL = "total_bias"
_MEASURES = (BETTER, "mae", "gini", "bias_distance", TOTAL)
_CHUNK = 50_000  # weights at a time, so that they stay in the processor's cache


@dataclass(frozen=True)
class Limits:
    """What the gate asks for; the defaults stand in MLproject."""

    confidence: float  # of each statement, one-sided
    gain: float  # share of the champion's deviance that the challenger must save
    mae: float  # share by which its absolute error may be higher
    gini: float  # by which its normalized Gini may be lower
    bias_distance: float  # by which its total may be further from the real one, in log
    total_bias: float  # how far that may be at most, in log
    draws: int  # resamples
    least: int  # labelled installs that must be there

    @classmethod
    def add_to(cls, parser: ArgumentParser) -> None:
        """The options of an entry point that asks for them."""
        for each in fields(cls):
            kind = int if each.type == "int" else float
            parser.add_argument(f"--{each.name.replace('_', '-')}", type=kind, required=True)

    @classmethod
    def of(cls, options: Namespace) -> Self:
        """Raises `CommandError` where an option makes no sense."""
        limits = cls(**{each.name: getattr(options, each.name) for each in fields(cls)})
        if not 0.5 < limits.confidence < 1:
            raise CommandError(f"confidence is {limits.confidence:g}; give one from 0.5 to 1.")
        for name in ("gain", *_MEASURES[1:]):
            if getattr(limits, name) < 0:
                raise CommandError(f"{name} is {getattr(limits, name):g}; give 0 or more.")
        if limits.draws < 1 / (1 - limits.confidence):
            raise CommandError(
                f"{limits.draws} draws cannot show anything with a confidence of "
                f"{limits.confidence:g}; give -P draws=2000."
            )
        return limits

    def worst(self, measure: str, *, decides: bool) -> float:
        """The most that the challenger may be worse by; below 0 it must be better."""
        if measure == BETTER:
            return -self.gain if decides else -MENDED
        return float(getattr(self, measure))


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


def judge(
    real: Array,
    champion: Array,
    challenger: Array,
    segments: pd.DataFrame,
    limits: Limits,
    *,
    seed: int,
) -> Verdict:
    """Decide by the predictions of both for installs whose revenue is `real`.

    `segments` holds their segment columns. Raises `CommandError` for too few installs.
    """
    parts = {ALL: np.ones(len(real), bool)}
    hiding = dominating_segment(real, segments)
    if hiding is not None and hiding.install_share < FEW:
        parts[REST] = ~hiding.members(segments)
    decides = REST if REST in parts else ALL
    _require_enough(real[parts[decides]], limits)
    rows = []
    for part, members in parts.items():
        pair = _Pair(real[members], champion[members], challenger[members])
        drawn = _drawn(pair, limits.draws, np.random.default_rng(seed))
        worst = {name: limits.worst(name, decides=part == decides) for name in _MEASURES}
        rows += _compared(pair, drawn, part, worst, limits.confidence)
    table = pd.DataFrame(rows)
    reasons = _reasons(table, decides)
    return Verdict(not reasons, reasons, len(real), table)


def _require_enough(real: Array, limits: Limits) -> None:
    payers = int((real > 0).sum())
    if len(real) < limits.least or payers < LEAST_PAYERS:
        raise CommandError(
            f"{len(real)} labelled installs, {payers} of them with revenue, are left to judge "
            f"by; at least {limits.least} and {LEAST_PAYERS} are needed. Give installs that "
            "neither version was trained on, of a longer time, or a lower -P least=."
        )


def _drawn(pair: _Pair, draws: int, rng: np.random.Generator) -> dict[str, Array]:
    """By how much the challenger is worse in each of `draws` resamples of the installs."""
    chunks = []
    for size in _chunks(draws, pair.installs):
        weights = np.stack([_resample(pair.installs, rng) for _ in range(size)])
        chunks.append(_worse_by(*pair.measures(weights)))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in _MEASURES}


def _compared(
    pair: _Pair,
    drawn: Mapping[str, Array],
    part: str,
    worst: Mapping[str, float],
    confidence: float,
) -> list[dict[str, object]]:
    """A row per measure of champion and challenger."""
    before, after = pair.measures(np.ones((1, pair.installs)))
    worse = _worse_by(before, after)
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


def _chunks(draws: int, installs: int) -> list[int]:
    most = max(1, _CHUNK // installs)
    return [min(most, draws - start) for start in range(0, draws, most)]


def _resample(installs: int, rng: np.random.Generator) -> Array:
    """How often each install is drawn, of as many draws as installs."""
    drawn = np.bincount(rng.integers(installs, size=installs), minlength=installs)
    return drawn.astype(np.float64)


def _worse_by(
    champion: Mapping[str, Array], challenger: Mapping[str, Array]
) -> dict[str, Array]:
    """By how much the challenger is worse; of its total bias, how far it is from 1."""
    before, after = (np.abs(np.log(each[TOTAL])) for each in (champion, challenger))
    return {
        BETTER: challenger[BETTER] / champion[BETTER] - 1,
        "mae": challenger["mae"] / champion["mae"] - 1,
        "gini": champion["gini"] - challenger["gini"],
        "bias_distance": after - before,
        TOTAL: after,
    }


class _Pair:
    """Two models' predictions, ready to be measured under many weightings of the installs."""

    def __init__(self, real: Array, champion: Array, challenger: Array) -> None:
        models = [np.maximum(predicted, FLOOR) for predicted in (champion, challenger)]
        self.installs = len(real)
        self._real = real
        self._ideal = _Ranking(real, real)
        self._ranked = [_Ranking(predicted, real) for predicted in models]
        self._sums = [np.column_stack([deviance(real, m), np.abs(m - real), m]) for m in models]

    def measures(self, weights: Array) -> list[dict[str, Array]]:
        """Of each model each measure, a number per row of `weights`."""
        real, ideal = weights @ self._real, self._ideal.covariance(weights)
        of_models = []
        for sums, ranked in zip(self._sums, self._ranked, strict=True):
            deviance, error, predicted = (weights @ sums).T
            of_models.append(
                {
                    BETTER: deviance / self.installs,
                    "mae": error / self.installs,
                    "gini": ranked.covariance(weights) / ideal,
                    "bias_distance": np.abs(np.log(predicted / real)),
                    TOTAL: predicted / real,
                }
            )
        return of_models


class _Ranking:
    """Revenue in the order of a score; installs of the same score share their rank."""

    def __init__(self, score: Array, real: Array) -> None:
        self._order = np.argsort(score, kind="stable")
        ranked = score[self._order]
        self._starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        self._real = real[self._order]

    def covariance(self, weights: Array) -> Array:
        """Of revenue with rank, but for a factor that all rankings share."""
        weights = weights[:, self._order]
        tied = np.add.reduceat(weights, self._starts, axis=1)
        money = np.add.reduceat(weights * self._real, self._starts, axis=1)
        rank = np.cumsum(tied, axis=1) - tied / 2
        total = tied.sum(axis=1)
        return np.asarray((money * rank).sum(axis=1) - money.sum(axis=1) * total / 2)


def _reasons(table: pd.DataFrame, decides: str) -> tuple[str, ...]:
    """Why not, a sentence each."""
    reasons = []
    for row in table.itertuples():
        where = "" if row.part == ALL else f" of the {row.part}"
        by = f"by {row.worse_by:.3g}, from {row.low:.3g} to {row.high:.3g}"
        must_show = row.part == decides and row.measure != TOTAL
        if row.measure == BETTER:
            if row.low > 0:
                reasons.append(f"{row.measure}{where} is higher ({by}).")
        elif row.measure == TOTAL and row.shown == "no":
            reasons.append(f"{row.measure}{where} is off {by}, allowed are {row.limit:g}.")
        elif row.shown == "no" or (must_show and row.shown == "unclear"):
            verb = "is" if row.shown == "no" else "may be"
            reasons.append(
                f"{row.measure}{where} {verb} worse {by}; allowed are {row.limit:g}."
            )
    better = table[table["measure"] == BETTER]
    if not (better["shown"] == "yes").any():
        row = better[better["part"] == decides].iloc[0]
        saved, least, most = (0.0 - row[name] for name in ("worse_by", "high", "low"))
        reasons.append(
            f"{BETTER} is not shown to be lower by {0.0 - row['limit']:.3g} "
            f"(lower by {saved:.3g}, from {least:.3g} to {most:.3g})."
        )
    return tuple(reasons)
