"""Put the challenger in the champion's place, if it is better: the entry point `promote`.

Ends with 3 when the promotion test refuses; then nothing has changed but a tag of the
challenger. Also takes the last promotion back, and says which version was champion when.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import mlflow

from revenue_model.commands.entry_point import Parameters, run_command
from revenue_model.commands.evaluate import LabelledInstalls, judge_unseen, log_verdict
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits, Verdict, judge
from revenue_model.registry.aliases import MODEL_NAME, require_model_name
from revenue_model.registry.downloaded import EnvManager, downloaded
from revenue_model.registry.history import ChampionHistory, Change, champion_at, moment_of

REFUSED = 3


@dataclass(frozen=True)
class PromoteParameters:
    """What is asked for: a promotion unless `rollback`, `history` or `at` is given."""

    name: str = MODEL_NAME
    data: str = ""  # labelled installs to decide by
    force: bool = False  # whatever the installs say
    reason: str = ""  # kept in the history
    rollback: bool = False
    history: bool = False
    at: str = ""  # the champion of this moment is printed
    env_manager: EnvManager = "uv"

    def __post_init__(self) -> None:
        require_model_name(self.name)


PARAMETERS = (PromoteParameters, Limits)


def main(arguments: Sequence[str]) -> None:
    parameters = Parameters(arguments, *PARAMETERS)
    given, limits = parameters.make(PromoteParameters), parameters.make(Limits)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # A registry that is down is said at once, not after minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    history = ChampionHistory(given.name)
    if given.at:
        change = champion_at(history.repair(), moment_of(given.at))
        print(change.line() if change else f"{given.name} had no champion at {given.at}.")
    elif given.history:
        print("\n".join(change.line() for change in history.repair()) or "No champion yet.")
    elif given.rollback:
        print(roll_back(history, given.reason).line())
    else:
        installs = LabelledInstalls(given.data) if given.data else None
        challenge = Challenge(history, installs, given.env_manager, limits)
        change = challenge.decide(force=given.force, reason=given.reason)
        if change is None:
            sys.exit(REFUSED)
        print(f"{given.name} version {change.version} is the champion.")


def roll_back(history: ChampionHistory, reason: str) -> Change:
    """Make the champion before this one the champion again.

    It is tried in this environment, not in a new one: a roll-back is in haste and must not
    need the package index. Raises `CommandError` when there is none or it does not serve.
    """
    before = history.previous_champion()
    if before is None:
        raise CommandError(
            f"model '{history.name}' has no champion before this one; nothing has changed."
        )
    _require_serving(history, before, "local")
    return history.set_champion(before, "rolled back", reason or "no reason given")


def _require_serving(history: ChampionHistory, version: str, env_manager: EnvManager) -> None:
    with downloaded(f"models:/{history.name}/{version}") as model:
        model.require_serving(env_manager)


@dataclass(frozen=True)
class Challenge:
    """The challenger against the champion, on labelled installs."""

    history: ChampionHistory
    installs: LabelledInstalls | None
    env_manager: EnvManager
    limits: Limits

    def decide(self, *, force: bool = False, reason: str = "") -> Change | None:
        """Promote the challenger if it may be; None when it is refused.

        The first champion has nobody to beat. Raises `CommandError` when the question
        cannot be asked: no challenger, no data, or one that does not serve.
        """
        if force and not reason.strip():
            raise CommandError("force needs a reason for the history: give -P reason=WHY.")
        history = self.history
        changes = history.repair()
        challenger, champion = history.challenger, history.champion
        if challenger is None:
            raise CommandError(
                f"model '{history.name}' has no challenger; train one by "
                "`mlflow run . -P data=PATH`."
            )
        if champion is None and changes and not force:
            raise CommandError(
                f"model '{history.name}' has lost its champion: version "
                f"{changes[-1].version} is deleted or without its alias, and there is nobody "
                "to compare with. Restore the one before by -P rollback=true, or give "
                "-P force=true -P reason=WHY."
            )
        verdict = None
        if champion and (self.installs or not force):
            verdict = self._judge(champion, challenger)
            print(verdict.text())
            if not verdict.promote and not force:
                self._refuse(challenger, champion, verdict)
                return None
        _require_serving(history, challenger, self.env_manager)
        why = _why(champion, verdict, force=force, reason=reason)
        figures = verdict.figures() if verdict else None
        # Judging takes minutes, in which another may promote or roll back.
        if (now := history.champion) != champion:
            raise CommandError(
                f"the champion of '{history.name}' has changed meanwhile, from version "
                f"{champion} to {now}; nothing was promoted. Promote again."
            )
        return history.set_champion(challenger, "promoted", why, figures)

    def _judge(self, champion: str, challenger: str) -> Verdict:
        name = self.history.name
        if not self.installs:
            raise CommandError(
                f"version {champion} of '{name}' is the champion and nothing is given to "
                "compare by: give -P data=PATH, labelled installs that neither version was "
                "trained on, or -P force=true -P reason=WHY."
            )
        with ExitStack() as stack:
            uris = [f"models:/{name}/{version}" for version in (champion, challenger)]
            models = [stack.enter_context(downloaded(uri)) for uri in uris]
            judged = judge_unseen(self.installs, models)
            verdict = judge(judged.forecasts[0], judged.forecasts[1], self.limits)
            with mlflow.start_run(nested=True):  # in monitor's, if that asks
                judged.log()
                log_verdict(verdict)
        return verdict

    def _refuse(self, challenger: str, champion: str, verdict: Verdict) -> None:
        refusal = {"against": champion, "reasons": verdict.reasons, **verdict.figures()}
        self.history.tag(challenger, {"refused": refusal})
        print(f"Refused: {self.history.name} version {challenger} stays challenger.")
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
