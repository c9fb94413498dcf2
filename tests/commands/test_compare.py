"""Comparing by its command: what it logs, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from revenue_model.model.schema import Schema
from tests.commands.conftest import Command
from tests.evaluation.test_comparison import NAMES

FEW = {"rounds": 20, "folds": 3, "threads": 1, "trials": 1}


def test_the_command_logs_a_run_per_model_and_leaves_the_test_part_alone(
    command: Command, schema: Schema, installs: pd.DataFrame, tmp_path: Path
) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("c", artifact_location=f"{tmp_path}/artifacts")
    mlflow.set_experiment(experiment_id=experiment)
    data = tmp_path / "installs.parquet"
    installs.head(600).to_parquet(data)
    done = command("compare", data=data, cv=2, **FEW)
    assert done.code == 0, done.err
    runs = client.search_runs([experiment])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    nested = {run.info.run_name: run for run in runs if run is not parent}
    assert set(nested) == set(NAMES)
    for run in nested.values():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params and run.data.metrics["tweedie_deviance"] > 0
    best = parent.data.tags["best"]
    assert f"Best out of fold: {best}." in done.out
    assert parent.data.metrics["mae"] == nested[best].data.metrics["mae"]
    assert parent.inputs
    (source,) = parent.inputs.dataset_inputs
    assert json.loads(str(source.dataset.profile))["num_rows"] == 510
    paths = {each.path for each in client.list_artifacts(parent.info.run_id)}
    assert paths >= {"leaderboard.json", "leaderboard.png"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cv": 1}, "cv is 1; give one from 2 to 20."),
        ({"cv": 21}, "cv is 21; give one from 2 to 20."),
        ({"trials": 0}, "trials is 0; give 1 or more."),
        ({"level": 1.5}, "level is 1.5; give one from 0.01 to 0.999."),
        ({"data": ""}, "no data: give -P data=PATH"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    command: Command, changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    refused = command("compare", **{"data": tmp_path / "none.csv"} | changes)
    assert refused.code == 2 and message in refused.err
