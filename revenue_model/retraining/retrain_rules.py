"""The rules by which a champion is to be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

VERDICTS = ("none", "moderate", "large")  # of /drift
_DAY_S = 86_400


@dataclass(frozen=True)
class Thresholds:
    """From where on the champion is to be replaced.

    Raises `ValueError` naming the threshold that makes no sense.
    """

    drift: Literal["moderate", "large"] = "large"  # the verdict of /drift from which on
    max_bias: float = 0.1  # |predicted / real - 1| that the whole interval must be beyond
    min_labelled: int = 1000  # matured installs with a label that a bias must rest on
    max_age_days: float = 30  # since the training

    def __post_init__(self) -> None:
        if not 0 < self.max_bias < 1:
            raise ValueError(f"max_bias is {self.max_bias:g}; give a share from 0 to 1, as 0.1.")
        for name in ("min_labelled", "max_age_days"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name} is {value:g}; give more than 0.")


@dataclass(frozen=True)
class Rule:
    """What a rule says, a row of the table that `monitor` shows."""

    rule: str
    value: str
    limit: str
    verdict: Literal["fine", "replace", "unknown"]


def check_champion(
    champion: Mapping[str, Any],
    drift: Mapping[str, Any],
    realised: Mapping[str, Any] | None,
    thresholds: Thresholds,
    now: datetime,
) -> list[Rule]:
    """What each rule says of the champion by the sidecar's answers."""
    age = _age(champion, thresholds, now)
    return [_drift(drift, thresholds), _bias(realised, thresholds), age]


def _drift(report: Mapping[str, Any], thresholds: Thresholds) -> Rule:
    limit = f"{thresholds.drift}, in any column"
    rows = report["window"]["rows"]
    if not rows:
        return Rule("drift of what is asked", "no predictions", limit, "unknown")
    verdict = report["verdict"]
    columns = [each["column"] for each in report["columns"] if each["verdict"] == verdict]
    where = f" in {', '.join(columns)}" if verdict != "none" else ""
    reached = VERDICTS.index(verdict) >= VERDICTS.index(thresholds.drift)
    value = f"{verdict}{where} ({rows:,} predictions)"
    return Rule("drift of what is asked", value, limit, "replace" if reached else "fine")


def _bias(realised: Mapping[str, Any] | None, thresholds: Thresholds) -> Rule:
    name = "predicted / real revenue"
    low, high = 1 - thresholds.max_bias, 1 + thresholds.max_bias
    limit = f"surely outside {low:.2f} to {high:.2f}"
    labelled = realised["labelled"] if realised else 0
    if realised is None or realised["bias_low"] is None or labelled < thresholds.min_labelled:
        value = f"{labelled:,} labelled installs, needs {thresholds.min_labelled:,}"
        return Rule(name, value, limit, "unknown")
    lowest, highest = realised["bias_low"], realised["bias_high"]
    value = f"{realised['bias']:.2f}, from {lowest:.2f} to {highest:.2f}"
    is_outside = lowest > high or highest < low
    return Rule(name, value, limit, "replace" if is_outside else "fine")


def _age(champion: Mapping[str, Any], thresholds: Thresholds, now: datetime) -> Rule:
    trained = datetime.fromisoformat(champion["trained_at"])
    days = (now - trained).total_seconds() / _DAY_S
    limit = f"{thresholds.max_age_days:g} days"
    is_old = days > thresholds.max_age_days
    value = f"{days:.1f} days"
    return Rule("age of the champion", value, limit, "replace" if is_old else "fine")
