"""Put the challenger in the champion's place, if it is better: the entry point `promote`.

Ends with 3 when the gate refuses; then nothing has changed but a tag of the challenger.
Also takes the last promotion back, and tells which version was champion when.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass

import mlflow

from revenue_model.commands.command import run_command
from revenue_model.commands.evaluate import judge_unseen, log_verdict
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits, Verdict
from revenue_model.registry.downloaded import ENV_MANAGERS, downloaded
from revenue_model.registry.history import Champions, Change, champion_at, moment_of
from revenue_model.registry.publish import CHALLENGER, CHAMPION

_log = logging.getLogger(__name__)

REFUSED = 3
_SWITCH = ["true", "false"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="registered model")
    parser.add_argument("--data", required=True, help="labelled installs to decide by")
    parser.add_argument("--force", choices=_SWITCH, required=True, help="whatever data says")
    parser.add_argument("--reason", required=True, help="why; kept in the history")
    parser.add_argument("--rollback", choices=_SWITCH, required=True)
    parser.add_argument("--history", choices=_SWITCH, required=True)
    parser.add_argument("--at", required=True, help="print the champion of this moment")
    parser.add_argument("--env-manager", choices=ENV_MANAGERS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    Limits.add_to(parser)
    options = parser.parse_args()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # A registry that is down shall be told at once, not after minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    champions = Champions(options.name)
    if options.at:
        print(_champion_at(champions, options.at))
    elif options.history == "true":
        print("\n".join(change.line() for change in champions.repaired()) or "No champion yet.")
    elif options.rollback == "true":
        print(roll_back(champions, options.reason).line())
    else:
        challenge = Challenge(
            champions,
            data=options.data,
            env_manager=options.env_manager,
            limits=Limits.of(options),
            seed=options.seed,
        )
        change = challenge.decide(force=options.force == "true", reason=options.reason)
        if change is None:
            sys.exit(REFUSED)
        print(f"{options.name} version {change.version} is the champion.")


def _champion_at(champions: Champions, at: str) -> str:
    change = champion_at(champions.repaired(), moment_of(at))
    return change.line() if change else f"{champions.name} had no champion at {at}."


def roll_back(champions: Champions, reason: str) -> Change:
    """Make the champion before this one the champion again.

    It is tried in this environment, not in a new one: a roll-back is in haste and must not
    need the package index. Raises `CommandError` when there is none or it does not serve.
    """
    before = champions.previous()
    if before is None:
        raise CommandError(
            f"model '{champions.name}' has no champion before this one; nothing has changed."
        )
    _require_serving(champions, before, "local")
    return champions.crown(before, "rolled back", reason or "no reason given")


def _require_serving(champions: Champions, version: str, env_manager: str) -> None:
    with downloaded(f"models:/{champions.name}/{version}") as model:
        model.require_serving(env_manager)


@dataclass(frozen=True)
class Challenge:
    """The challenger against the champion, on the labelled installs of the file `data`."""

    champions: Champions
    data: str
    env_manager: str
    limits: Limits
    seed: int

    def decide(self, *, force: bool = False, reason: str = "") -> Change | None:
        """Promote the challenger if it may be; None when it is refused.

        The first champion has nobody to beat. Raises `CommandError` when the question
        cannot be asked: no challenger, no data, or one that does not serve.
        """
        self._require_sense(force, reason)
        champions = self.champions
        history = champions.repaired()
        challenger, champion = (champions.at_alias(each) for each in (CHALLENGER, CHAMPION))
        if challenger is None:
            raise CommandError(
                f"model '{champions.name}' has no challenger; train one by "
                "`mlflow run . -P data=PATH`."
            )
        if champion is None and history and not force:
            raise CommandError(
                f"model '{champions.name}' has lost its champion: version "
                f"{history[-1].version} is deleted or without its alias, and there is nobody "
                "to compare with. Restore the one before by -P rollback=true, or give "
                "-P force=true -P reason=WHY."
            )
        verdict = None
        if champion and (self.data or not force):
            verdict = self._judge(champion, challenger)
            print(verdict.text())
            if not verdict.promote and not force:
                self._refuse(challenger, champion, verdict)
                return None
        _require_serving(champions, challenger, self.env_manager)
        why = _why(champion, verdict, force=force, reason=reason)
        figures = verdict.figures() if verdict else None
        self._require_still(champion)
        return champions.crown(challenger, "promoted", why, figures)

    def _require_sense(self, force: bool, reason: str) -> None:
        if force and not reason.strip():
            raise CommandError("force needs a reason for the history: give -P reason=WHY.")

    def _require_still(self, champion: str | None) -> None:
        """Judging takes minutes, in which another may promote or roll back."""
        if (now := self.champions.at_alias(CHAMPION)) != champion:
            raise CommandError(
                f"the champion of '{self.champions.name}' has changed meanwhile, from version "
                f"{champion} to {now}; nothing was promoted. Promote again."
            )

    def _judge(self, champion: str, challenger: str) -> Verdict:
        name = self.champions.name
        if not self.data:
            raise CommandError(
                f"version {champion} of '{name}' is the champion and nothing is given to "
                "compare by: give -P data=PATH, labelled installs that neither version was "
                "trained on, or -P force=true -P reason=WHY."
            )
        with ExitStack() as stack:
            uris = [f"models:/{name}/{version}" for version in (champion, challenger)]
            models = [stack.enter_context(downloaded(uri)) for uri in uris]
            judged = judge_unseen(self.data, models, seed=self.seed)
            verdict = judged.compare(self.limits)
            with mlflow.start_run(nested=True):  # in monitor's, if that asks
                judged.log()
                log_verdict(verdict)
        return verdict

    def _refuse(self, challenger: str, champion: str, verdict: Verdict) -> None:
        refusal = {"against": champion, "reasons": verdict.reasons, **verdict.figures()}
        self.champions.tag(challenger, {"refused": refusal})
        print(f"Refused: {self.champions.name} version {challenger} stays challenger.")
        for reason in verdict.reasons:
            print(f"  {reason}")


def _why(champion: str | None, verdict: Verdict | None, *, force: bool, reason: str) -> str:
    if force:
        return f"forced: {reason}"
    if verdict is None:
        return reason or "the first champion"
    return reason or f"better than version {champion} on {verdict.installs} labelled installs"


if __name__ == "__main__":
    run_command(main)
