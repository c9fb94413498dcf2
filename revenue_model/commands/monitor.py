"""Whether the champion is still good, and a better one if it is not: the entry point
`monitor`.

Asks the sidecar, decides by stated rules, and with `retrain` trains a challenger and has
it tested. Ends with 3 when the promotion test refuses; then the champion stays.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from revenue_model.commands.entry_point import Parameters, run_command
from revenue_model.commands.promote import REFUSED
from revenue_model.commands.retrain import Retraining, alone
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits
from revenue_model.registry.aliases import CHAMPION, version_at_alias
from revenue_model.registry.downloaded import EnvManager
from revenue_model.retraining import monitor_report
from revenue_model.retraining.retrain_rules import Rule, Thresholds, check_champion
from revenue_model.retraining.sidecar_client import SidecarClient
from revenue_model.training.settings import TrainingSettings

_SHOWN = 20  # refused lines; more are in the run
_FIGURES = ("labelled", "matured_share", "bias", "bias_low", "bias_high", "mae", "gini")


@dataclass(frozen=True)
class MonitorParameters:
    """Who is asked, and what follows."""

    sidecar: str = "http://127.0.0.1:5001"
    outcomes: str = ""  # CSV of real revenue to post first
    window: str = "7d"  # of /drift, as 7d or 12h
    retrain: bool = False
    schema: str = ""  # TOML file that describes the columns; that of the champion if not given
    holdout: float = 0.2  # share of the installs, the newest, for the promotion test
    env_manager: EnvManager = "uv"

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ValueError(f"holdout is {self.holdout:g}; give a share from 0 to 1.")


PARAMETERS = (MonitorParameters, Thresholds, Limits, TrainingSettings)


def main(arguments: Sequence[str]) -> None:
    parameters = Parameters(arguments, *PARAMETERS)
    given, thresholds = parameters.make(MonitorParameters), parameters.make(Thresholds)
    limits = parameters.make(Limits)
    parameters.make(TrainingSettings)  # a value out of its range is refused now
    settings = parameters.given(TrainingSettings)
    settings.pop("seed", None)  # it is the promotion test's; training has the champion's
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    # Before the sidecar is asked: who waits for another's retraining has old answers.
    with alone() if given.retrain else nullcontext(True) as is_alone, mlflow.start_run() as run:
        with closing(SidecarClient(given.sidecar)) as sidecar:
            if given.outcomes:
                _take(sidecar, Path(given.outcomes))
            champion = sidecar.champion()
            rules = _look(sidecar, champion, thresholds, given.window)
        print(f"Report: monitor.html in run {run.info.run_id}.", flush=True)
        found = [rule for rule in rules if rule.verdict == "replace"]
        if not found:
            print("Nothing to do: no rule asks for another model.")
        elif not given.retrain:
            print("To train another model and let the promotion test decide: -P retrain=true.")
        elif not is_alone:
            print("Another monitor is retraining; this one leaves it to that.")
        else:
            _require_same_champion(champion)
            retraining = Retraining(
                champion["name"],
                champion["version"],
                given.schema,
                settings,
                given.holdout,
                given.env_manager,
                limits,
            )
            why = "; ".join(f"{rule.rule}: {rule.value}" for rule in found)
            change = retraining.decide(f"retrained by monitor, {why}")
            mlflow.set_tag("outcome", f"promoted {change.version}" if change else "refused")
            if change:
                print(f"{champion['name']} version {change.version} is the champion.")
            else:
                sys.exit(REFUSED)


def _take(sidecar: SidecarClient, path: Path) -> None:
    """Hand the file to the sidecar, and say what became of its lines."""
    answer = sidecar.post_outcomes(path)
    mlflow.log_dict(answer, "outcomes.json")
    counts = {key: value for key, value in answer.items() if isinstance(value, int)}
    mlflow.log_metrics({f"outcomes_{key}": value for key, value in counts.items()})
    print(
        f"Real revenue from {path.name}: {counts['received']:,} lines, "
        f"{counts['accepted']:,} taken, {counts['rejected']:,} refused.\n"
        f"  Taken: {counts['added']:,} new + {counts['corrected']:,} corrected + "
        f"{counts['unchanged']:,} known before.\n"
        f"  Of them {counts['counted']:,} count now, {counts['waiting']:,} wait until the "
        f"user's 7 days are over, {counts['unknown']:,} are of users never predicted."
    )
    for problem in answer["problems"][:_SHOWN]:
        user = f", user {problem['user_id']!r}" if problem["user_id"] else ""
        print(f"  Refused line {problem['line']}{user}: {problem['reason']}")
    if counts["rejected"] > _SHOWN:
        named = f"{len(answer['problems']):,} of them are named in outcomes.json"
        print(f"  and {counts['rejected'] - _SHOWN:,} more; {named}.")


def _look(
    sidecar: SidecarClient, champion: Mapping[str, Any], thresholds: Thresholds, window: str
) -> list[Rule]:
    """Ask, decide, print the table, and log all of it to the active run."""
    version = champion["version"]
    drift, realised = sidecar.drift(version, window), sidecar.realised(version)
    rules = check_champion(champion, drift, realised, thresholds, datetime.now(UTC))
    lines = [f"Champion: {champion['name']} version {version}. {_matured(realised)}"]
    if drift["reference_problem"]:
        problem = drift["reference_problem"]
        lines.append(f"Drift is measured against the time before only: {problem}")
    shown, columns = pd.DataFrame(rules), monitor_report.columns_table(drift)
    print("\n".join(lines), _text(rules), sep="\n")
    for row in columns[columns["verdict"] != "none"].itertuples():
        print(f"  {row.column}: {row.verdict} drift, {row.why}")
    # What MLflow allows in no name of a metric becomes `_`.
    names = (re.sub(r"[^\w. -]", "_", f"psi_{column}") for column in columns["column"])
    mlflow.log_metrics(dict(zip(names, columns["psi"], strict=True)))
    if realised:
        known = {name: realised[name] for name in _FIGURES if realised[name] is not None}
        mlflow.log_metrics({f"realised_{name}": value for name, value in known.items()})
    mlflow.set_tags({"champion": version, "drift": drift["verdict"]})
    mlflow.log_table(shown, "rules.json")
    mlflow.log_dict(drift, "drift.json")
    mlflow.log_text(monitor_report.page(version, shown, columns, lines), "monitor.html")
    mlflow.log_figure(monitor_report.drift_figure(columns), "figures/drift.png")
    return rules


def _matured(realised: Mapping[str, Any] | None) -> str:
    if realised is None:
        return "No user that it predicted is known yet."
    return (
        f"It predicted {realised['installs']:,} installs; of {realised['matured_share']:.0%} "
        f"the 7 days are over, {realised['labelled']:,} of those have their real revenue."
    )


def _text(rules: list[Rule]) -> str:
    rows = [("rule", "value", "limit", "verdict")]
    rows += [(rule.rule, rule.value, rule.limit, rule.verdict) for rule in rules]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _require_same_champion(champion: Mapping[str, Any]) -> None:
    """The sidecar and this command must mean the same registry."""
    here = version_at_alias(champion["name"], CHAMPION)
    if here != champion["version"]:
        raise CommandError(
            f"the sidecar's champion of '{champion['name']}' is version {champion['version']}, "
            f"that of {mlflow.get_tracking_uri()} is {here}. Set MLFLOW_TRACKING_URI to the "
            "sidecar's, or, if the champion has just changed, ask again."
        )


if __name__ == "__main__":
    run_command(main)
