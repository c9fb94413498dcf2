"""Which version is, was and becomes the champion.

The alias `champion` is the truth, and moving it the one step that counts: all that reads the
registry follows it. The rest is kept in step with it, in an order that a crash cannot spoil.
First the history notes what is about to happen, then the alias moves, then the deprecated
stages, the alias `challenger` and the tags follow. `repair` finishes or takes back what a
crash has left, and every command begins with it.

The history is tags of the registered model, one a change, so that it outlives versions.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion

from revenue_model.errors import CommandError
from revenue_model.registry.aliases import CHALLENGER, CHAMPION, if_there, version_at_alias

_PREFIX = "champion/"


@dataclass(frozen=True)
class Change:
    """A version became the champion."""

    at: str  # UTC, ISO 8601; the order of the texts is that of the times
    version: str
    action: str  # promoted, rolled back, or found: the alias was moved by something else
    by: str
    reason: str
    done: bool = False

    def line(self) -> str:
        return f"{self.at}  version {self.version:<4} {self.action} by {self.by}: {self.reason}"


class ChampionHistory:
    """The present and the past champions of the registered model `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = mlflow.MlflowClient()

    @property
    def champion(self) -> str | None:
        return version_at_alias(self.name, CHAMPION)

    @property
    def challenger(self) -> str | None:
        return version_at_alias(self.name, CHALLENGER)

    def version(self, version: str) -> ModelVersion | None:
        """None when it is deleted."""
        return if_there(lambda: self._client.get_model_version(self.name, version))

    def changes(self) -> list[Change]:
        """Every change that took place, the oldest first."""
        model = if_there(lambda: self._client.get_registered_model(self.name))
        tags: Mapping[str, str] = model.tags if model else {}
        values = (value for key, value in tags.items() if key.startswith(_PREFIX))
        changes = [Change(**json.loads(value)) for value in values]
        return sorted(changes, key=lambda change: change.at)

    def repair(self) -> list[Change]:
        """The history, brought into agreement with the alias `champion`.

        A change whose alias has moved is finished, one whose alias has not is forgotten, and
        a champion that the history does not know is noted as found.
        """
        champion, changes = self.champion, self.changes()
        last = changes[-1] if changes else None
        if last and not last.done:
            if last.version == champion:
                self._update_the_rest(last)
            else:
                self._client.delete_registered_model_tag(self.name, _PREFIX + last.at)
            return self.repair()
        if champion and (last is None or last.version != champion):
            reason = "the alias was moved without this project's promote"
            self._update_the_rest(Change(_now(), champion, "found", "unknown", reason))
            return self.changes()
        return changes

    def previous_champion(self) -> str | None:
        """The champion before this one that is not deleted, None if there is none.

        What was rolled back is not gone back to: a roll-back takes the last promotion back,
        the next one the promotion before it.
        """
        past: list[str] = []
        for change in self.repair():
            if change.action == "rolled back" and change.version in past:
                while past[-1] != change.version:
                    past.pop()
            else:
                past.append(change.version)
        champion = self.champion
        before = (version for version in reversed(past) if version != champion)
        return next((version for version in before if self.version(version)), None)

    def set_champion(
        self, version: str, action: str, reason: str, figures: Mapping[str, Any] | None = None
    ) -> Change:
        """Make `version` the champion; a crash on the way is mended by `repair`."""
        by = f"{_user()}@{socket.gethostname()}"
        change = Change(_now(), version, action, by, reason)
        self.tag(version, {"gate": figures} if figures else {})
        self._note(change)
        self._client.set_registered_model_alias(self.name, CHAMPION, version)
        self._update_the_rest(change)
        return change

    def tag(self, version: str, tags: Mapping[str, Any]) -> None:
        """Tag `version`; what is no text becomes JSON."""
        for key, value in tags.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._client.set_model_version_tag(self.name, version, key, text)

    def _note(self, change: Change) -> None:
        text = json.dumps(asdict(change))
        self._client.set_registered_model_tag(self.name, _PREFIX + change.at, text)

    def _update_the_rest(self, change: Change) -> None:
        """Everything after the alias has moved; doing it again changes nothing."""
        version = change.version
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # stages are for who still asks
            self._client.transition_model_version_stage(
                self.name, version, "Production", archive_existing_versions=True
            )
        if self.challenger == version:
            self._client.delete_registered_model_alias(self.name, CHALLENGER)
        because = f"{change.action}: {change.reason}"
        since = {"champion_since": change.at, "champion_by": change.by}
        self.tag(version, {**since, "champion_because": because})
        self._note(replace(change, done=True))


def champion_at(changes: list[Change], moment: datetime) -> Change | None:
    """The change that made the champion of `moment`, None before the first."""
    before = [change for change in changes if datetime.fromisoformat(change.at) <= moment]
    return before[-1] if before else None


def moment_of(text: str) -> datetime:
    """A moment in ISO 8601, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"at is {text!r}; give a moment as 2026-01-31T12:00:00Z, in UTC."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _user() -> str:
    """The name, or the number of a user that the machine has no name for, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
