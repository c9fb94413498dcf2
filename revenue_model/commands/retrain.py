"""Train a challenger on the installs of the prediction log, and let the gate decide.

The newest matured and labelled installs are held out for the gate: neither the challenger
nor the champion before it has learned from them. Nothing of it lasts but what training and
promotion leave, so a crash costs the training and nothing else: the next run begins anew,
and its challenger takes the place of one that was never judged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import psycopg2
import yaml

from revenue_model.commands import train
from revenue_model.commands.promote import Challenge
from revenue_model.data.labelled_log import read_logged
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits
from revenue_model.model.schema import Schema
from revenue_model.registry.history import Champions, Change

_log = logging.getLogger(__name__)

_PROJECT = Path("MLproject")  # `mlflow run` starts entry points beside it
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
    """How to retrain: `holdout` is the share of the installs, the newest, for the gate."""

    name: str
    schema: str
    holdout: float
    env_manager: str
    limits: Limits
    seed: int

    def decide(self, reason: str) -> Change | None:
        """Train and promote, if the gate allows it; None when it refuses.

        Raises `CommandError` when there are too few installs to learn from and to judge by.
        """
        schema = Schema.read(self.schema)
        older, newest = cut(read_logged(schema), schema, self.holdout)
        if len(newest) < self.limits.least or len(older) < self.limits.least:
            raise CommandError(
                f"retrain=true: {len(older):,} matured and labelled installs to learn from and "
                f"{len(newest):,} to judge by; {self.limits.least:,} of both are needed. "
                "Post more outcomes, or give a lower -P least=."
            )
        print(
            f"Retraining on {len(older):,} installs; the newest {len(newest):,} are held out "
            "for the gate.",
            flush=True,
        )
        with TemporaryDirectory() as scratch:
            learned, held_out = Path(scratch) / "learned.csv", Path(scratch) / "held_out.csv"
            older.to_csv(learned, index=False)
            newest.to_csv(held_out, index=False)
            given = {"data": learned, "holdout": held_out, "schema": self.schema}
            train.main(_arguments(given | {"name": self.name}))
            challenge = Challenge(
                Champions(self.name),
                data=str(held_out),
                env_manager=self.env_manager,
                limits=self.limits,
                seed=self.seed,
            )
            return challenge.decide(reason=reason)


def cut(
    table: pd.DataFrame, schema: Schema, holdout: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
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


def _arguments(given: dict[str, Any]) -> list[str]:
    """The command line of the entry point `main`: MLproject's defaults but for `given`."""
    if not _PROJECT.exists():
        raise CommandError(
            f"retrain=true: no {_PROJECT} in {Path.cwd()}, where the training's defaults "
            "stand; start monitor by `mlflow run`."
        )
    project = yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))
    parameters = project["entry_points"]["main"]["parameters"]
    values = {name: parameter["default"] for name, parameter in parameters.items()} | given
    return [
        word
        for name, value in values.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
