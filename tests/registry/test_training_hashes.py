"""Installs are recognised by their id, or by their row where training had none."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from revenue_model.errors import CommandError
from revenue_model.model.schema import Schema
from revenue_model.registry.training_hashes import log_training_hashes, seen_in_training


def test_ids_may_be_missing_in_training_or_in_the_labelled_installs(
    schema: Schema, installs: pd.DataFrame, tmp_path: Path
) -> None:
    table = installs.head(60).assign(event_2=range(60)).astype({"event_2": float})  # no twins
    anonymous = table.drop(columns="user_id")
    partly = table.assign(user_id=table["user_id"].mask(table.index == 7))
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("a", f"{tmp_path}/artifacts"))

    def seen(learned: pd.DataFrame, judged: pd.DataFrame) -> list[int]:
        with mlflow.start_run() as run:
            log_training_hashes(learned.head(20), schema)
        found = seen_in_training(judged, schema, run.info.run_id)
        return list(judged.index[found])

    learned = list(range(20))
    changed = table.assign(revenue=1e6)
    assert seen(table, table) == learned
    assert seen(table, changed) == learned
    assert seen(partly, table) == learned
    assert seen(partly, changed) == [place for place in learned if place != 7]
    assert seen(anonymous, table) == learned
    assert seen(anonymous, anonymous) == learned
    without_id = table.assign(user_id=table["user_id"].mask(table.index == 30))
    assert seen(table, without_id) == [*learned, 30]
    with pytest.raises(CommandError, match="was trained with 'user_id' and the labelled"):
        seen(table, anonymous)
