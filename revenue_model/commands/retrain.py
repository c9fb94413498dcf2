"""Train a challenger on the installs of the prediction log, and let a test decide.

The newest matured and labelled installs are held out for the promotion test: neither the
challenger nor the champion before it has learned from them. Nothing of it lasts but what
training and promotion leave, so a crash costs the training and nothing else: the next run
begins anew, and its challenger takes the place of one that was never judged.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import psycopg2

from revenue_model.commands.entry_point import OLD_NAMES, Parameters
from revenue_model.commands.evaluate import LabelledInstalls
from revenue_model.commands.promote import Challenge
from revenue_model.commands.train import TrainParameters, train_logged
from revenue_model.data.labelled_log import POSTGRES, read_logged
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits
from revenue_model.model.schema import Schema
from revenue_model.registry.downloaded import EnvManager, downloaded
from revenue_model.registry.history import ChampionHistory, Change
from revenue_model.training.settings import TrainingSettings

_LOCK = "SELECT pg_try_advisory_lock(hashtext('revenue_model.monitor'))"


@contextmanager
def alone() -> Iterator[bool]:
    """False when another monitor retrains; Postgres holds the lock, a crash gives it back."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("retrain=true: set DATABASE_URL to the sidecar's Postgres.")
    try:
        connection = psycopg2.connect(url, connect_timeout=10, keepalives_idle=60)
    except psycopg2.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise CommandError(f"retrain=true: the database does not answer ({reason}).") from None
    try:
        connection.autocommit = True  # an open transaction would hold back vacuum
        with connection.cursor() as cursor:
            cursor.execute(_LOCK)
            [(locked,)] = cursor.fetchall()
        yield bool(locked)
    finally:
        connection.close()


@dataclass(frozen=True)
class Retraining:
    """How to retrain: as the champion of the model `name` was trained, but for what is given.

    `holdout` is the share of the installs, the newest, for the promotion test.
    """

    name: str
    version: str  # of the champion
    schema: str  # file; "" for the champion's
    settings: Mapping[str, Any]  # fields of `TrainingSettings` that are given
    holdout: float
    env_manager: EnvManager
    limits: Limits

    @property
    def _champion(self) -> str:
        return f"models:/{self.name}/{self.version}"

    def decide(self, reason: str) -> Change | None:
        """Train and promote, if the promotion test allows it; None when it refuses.

        Raises `CommandError` when there are too few installs to learn from and to judge by.
        """
        schema, settings = self._schema_and_settings()
        older, newest = cut(read_logged(schema), schema, self.holdout)
        min_installs = self.limits.min_installs
        if len(newest) < min_installs or len(older) < min_installs:
            raise CommandError(
                f"retrain=true: {len(older):,} matured and labelled installs to learn from and "
                f"{len(newest):,} to judge by; {min_installs:,} of both are needed. "
                "Post more outcomes, or give a lower -P min_installs=."
            )
        print(
            f"Retraining on {len(older):,} installs; the newest {len(newest):,} are held out "
            "for the promotion test.",
            flush=True,
        )
        source = self.schema or self._champion
        given = TrainParameters(name=self.name, data=POSTGRES, schema=source)
        train_logged({"train": older, "test": newest}, given, schema, settings)
        installs = LabelledInstalls(POSTGRES, newest)
        history = ChampionHistory(self.name)
        return Challenge(history, installs, self.env_manager, self.limits).decide(reason=reason)

    def _schema_and_settings(self) -> tuple[Schema, TrainingSettings]:
        """Say where they are from: the champion, its run, or what was given."""
        with downloaded(self._champion) as champion:
            schema, run_id = champion.schema, str(champion.run_id)
        of_run = settings_of_run(mlflow.MlflowClient().get_run(run_id).data.params)
        known = of_run.given(TrainingSettings)
        settings = replace(of_run.make(TrainingSettings), **self.settings)
        if self.schema:
            schema = Schema.read(self.schema)
        print(f"Schema: {self.schema or f'that of {self._champion}'}.")
        sources = {
            "given": self.settings,
            f"of the run of {self._champion}": known.keys() - self.settings.keys(),
            "by default": asdict(settings).keys() - known.keys() - self.settings.keys(),
        }
        for source, names in sources.items():
            if names:
                listed = (f"{n} {v}" for n, v in asdict(settings).items() if n in names)
                print(f"Training settings {source}: {', '.join(listed)}.", flush=True)
        return schema, settings


def settings_of_run(params: Mapping[str, str]) -> Parameters:
    """The training settings that a run has logged, under their names or older ones."""
    names = {setting.name for setting in fields(TrainingSettings)}
    logged = {name: text for name, text in params.items() if OLD_NAMES.get(name, name) in names}
    # `mlflow run` logs values as it quotes them for the shell.
    arguments = [f"--{name}={''.join(shlex.split(text))}" for name, text in logged.items()]
    return Parameters(arguments, TrainingSettings)


def cut(table: pd.DataFrame, schema: Schema, holdout: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The installs before a moment and those from it on, about `holdout` of all.

    Installs of the same moment stay together: the moment that the share falls in is held out
    whole, but the first one is learned from. Those without a time count as old; where none
    has one the order of the table counts.
    """
    place = np.arange(len(table))
    if schema.time and schema.time in table and table[schema.time].notna().any():
        place = table[schema.time].rank(method="min", na_option="top").to_numpy()
    moments, installs = np.unique(place, return_counts=True)
    cut_off = round((1 - holdout) * len(table))
    at = int(np.searchsorted(installs.cumsum(), cut_off, side="right"))
    newer = place >= moments[min(max(at, 1), len(moments) - 1)]
    return table[~newer].reset_index(drop=True), table[newer].reset_index(drop=True)
