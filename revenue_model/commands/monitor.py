"""Whether the champion is still good, and a better one if it is not: the entry point
`monitor`.

Asks the sidecar, decides by stated rules, and with `retrain` trains a challenger and asks
the gate. Ends with 3 when the gate refuses; then the champion stays.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow

from revenue_model.commands.command import run_command
from revenue_model.commands.promote import REFUSED
from revenue_model.commands.retrain import Retraining, alone
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits
from revenue_model.registry.downloaded import ENV_MANAGERS
from revenue_model.registry.history import Champions
from revenue_model.registry.publish import CHAMPION
from revenue_model.retraining import monitor_report as monitor_figures
from revenue_model.retraining.retrain_rules import Rule, Thresholds, judge_champion, table
from revenue_model.retraining.sidecar_client import SidecarClient

_SHOWN = 20  # refused lines; more are in the run
_FIGURES = ("labelled", "matured_share", "bias", "bias_low", "bias_high", "mae", "gini")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sidecar", required=True, help="URL")
    parser.add_argument("--outcomes", required=True, help="CSV of real revenue; '' for none")
    parser.add_argument("--window", required=True, help="of /drift, as 7d or 12h")
    parser.add_argument("--retrain", choices=["true", "false"], required=True)
    parser.add_argument("--schema", required=True, help="TOML file that describes the columns")
    parser.add_argument("--holdout", type=float, required=True, help="share for the gate")
    parser.add_argument("--env-manager", choices=ENV_MANAGERS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    Thresholds.add_to(parser)
    Limits.add_to(parser)
    options = parser.parse_args()
    thresholds, limits = Thresholds.of(options), Limits.of(options)
    if not 0 < options.holdout < 1:
        raise CommandError(f"holdout is {options.holdout:g}; give a share from 0 to 1.")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    retrains = options.retrain == "true"
    # Before the sidecar is asked: who waits for another's retraining has old answers.
    with alone() if retrains else nullcontext(True) as is_alone, mlflow.start_run() as run:
        with SidecarClient(options.sidecar) as sidecar:
            if options.outcomes:
                _take(sidecar, Path(options.outcomes))
            champion = sidecar.champion()
            rules = _look(sidecar, champion, thresholds, options.window)
        print(f"Report: monitor.html in run {run.info.run_id}.", flush=True)
        found = [rule for rule in rules if rule.verdict == "replace"]
        if not found:
            print("Nothing to do: no rule asks for another model.")
        elif not retrains:
            print("To train another model and let the gate decide: -P retrain=true.")
        elif not is_alone:
            print("Another monitor is retraining; this one leaves it to that.")
        else:
            _require_same_champion(champion)
            retraining = Retraining(
                champion["name"],
                options.schema,
                options.holdout,
                options.env_manager,
                limits,
                options.seed,
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
    rules = judge_champion(champion, drift, realised, thresholds, datetime.now(UTC))
    told = [f"Champion: {champion['name']} version {version}. {_matured(realised)}"]
    if drift["reference_problem"]:
        told.append(f"Drift is told by the time before only: {drift['reference_problem']}")
    shown, columns = table(rules), monitor_figures.columns_table(drift)
    print("\n".join(told), _text(rules), sep="\n")
    for row in columns[columns["verdict"] != "none"].itertuples():
        print(f"  {row.column}: {row.verdict} drift, {row.why}")
    mlflow.log_metrics({_psi_of(row.column): row.psi for row in columns.itertuples()})
    if realised:
        known = {name: realised[name] for name in _FIGURES if realised[name] is not None}
        mlflow.log_metrics({f"realised_{name}": value for name, value in known.items()})
    mlflow.set_tags({"champion": version, "drift": drift["verdict"]})
    mlflow.log_table(shown, "rules.json")
    mlflow.log_dict(drift, "drift.json")
    mlflow.log_text(monitor_figures.page(version, shown, columns, told), "monitor.html")
    mlflow.log_figure(monitor_figures.drift_figure(columns), "figures/drift.png")
    return rules


def _psi_of(column: str) -> str:
    """The metric's name; what MLflow allows in none becomes `_`."""
    return re.sub(r"[^\w. -]", "_", f"psi_{column}")


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
    here = Champions(champion["name"]).at_alias(CHAMPION)
    if here != champion["version"]:
        raise CommandError(
            f"the sidecar's champion of '{champion['name']}' is version {champion['version']}, "
            f"that of {mlflow.get_tracking_uri()} is {here}. Set MLFLOW_TRACKING_URI to the "
            "sidecar's, or, if the champion has just changed, ask again."
        )


if __name__ == "__main__":
    run_command(main)
