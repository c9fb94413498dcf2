"""The rules by which a champion is to be replaced, and the table of what they say."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self

import pandas as pd

from revenue_model.errors import CommandError

VERDICTS = ("none", "moderate", "large")  # of /drift
_DAY_S = 86_400


@dataclass(frozen=True)
class Thresholds:
    """From where on the champion is to be replaced; the defaults stand in MLproject."""

    drift: str  # the verdict of /drift from which on
    bias: float  # |predicted / real - 1| that the whole interval must be beyond
    labelled: int  # matured installs with a label that a bias must rest on
    age: float  # days since the training

    @classmethod
    def add_to(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--drift", choices=VERDICTS[1:], required=True)
        parser.add_argument("--bias", type=float, required=True)
        parser.add_argument("--labelled", type=int, required=True)
        parser.add_argument("--age", type=float, required=True, help="days")

    @classmethod
    def of(cls, options: Namespace) -> Self:
        """Raises `CommandError` where an option makes no sense."""
        if not 0 < options.bias < 1:
            raise CommandError(f"bias is {options.bias:g}; give a share from 0 to 1, as 0.1.")
        for name in ("labelled", "age"):
            if not getattr(options, name) > 0:
                raise CommandError(f"{name} is {getattr(options, name):g}; give more than 0.")
        return cls(options.drift, options.bias, options.labelled, options.age)


@dataclass(frozen=True)
class Rule:
    """A row of the table."""

    rule: str
    value: str
    limit: str
    verdict: Literal["fine", "replace", "unknown"]


def judge_champion(
    champion: Mapping[str, Any],
    drift: Mapping[str, Any],
    realised: Mapping[str, Any] | None,
    thresholds: Thresholds,
    now: datetime,
) -> list[Rule]:
    """What each rule says of the champion by the sidecar's answers."""
    return [
        _drift(drift, thresholds),
        _bias(realised, thresholds),
        _age(champion, thresholds, now),
    ]


def table(rules: list[Rule]) -> pd.DataFrame:
    return pd.DataFrame([asdict(rule) for rule in rules])


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
    low, high = 1 - thresholds.bias, 1 + thresholds.bias
    limit = f"surely outside {low:.2f} to {high:.2f}"
    labelled = realised["labelled"] if realised else 0
    if realised is None or realised["bias_low"] is None or labelled < thresholds.labelled:
        value = f"{labelled:,} labelled installs, needs {thresholds.labelled:,}"
        return Rule(name, value, limit, "unknown")
    least, most = realised["bias_low"], realised["bias_high"]
    value = f"{realised['bias']:.2f}, from {least:.2f} to {most:.2f}"
    return Rule(name, value, limit, "replace" if least > high or most < low else "fine")


def _age(champion: Mapping[str, Any], thresholds: Thresholds, now: datetime) -> Rule:
    trained = datetime.fromisoformat(champion["trained_at"])
    days = (now - trained).total_seconds() / _DAY_S
    verdict: Literal["fine", "replace"] = "replace" if days > thresholds.age else "fine"
    return Rule("age of the champion", f"{days:.1f} days", f"{thresholds.age:g} days", verdict)
