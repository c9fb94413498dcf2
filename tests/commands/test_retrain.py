"""Retraining: what the new model is trained with, and that tables stay in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from revenue_model.commands import retrain
from revenue_model.commands.entry_point import log_parameters
from revenue_model.commands.retrain import Retraining
from revenue_model.commands.train import train
from revenue_model.data.simulate import simulated_table
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits
from revenue_model.model.schema import Column, Schema
from revenue_model.registry.aliases import CHALLENGER, CHAMPION
from revenue_model.registry.downloaded import downloaded
from tests.examples import SMALL

STUDIO = Schema(
    (
        Column("channel", "categorical", segment=True),
        Column("sessions", "event"),
        Column("player", "id"),
        Column("ltv", "target"),
    )
)
TRAINED = replace(SMALL, num_boost_round=11, depth=2)


@pytest.fixture
def champion(tmp_path: Path) -> str:
    """The version of a champion of a studio's own columns."""
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    at = mlflow.create_experiment("revenue", f"{tmp_path}/artifacts")
    mlflow.set_experiment(experiment_id=at)
    with mlflow.start_run():
        log_parameters(TRAINED)
        part = {"train": simulated_table(STUDIO, 400, seed=1)}
        version = train(part, STUDIO, TRAINED, "studio", source="installs.csv")
    mlflow.MlflowClient().set_registered_model_alias("studio", CHAMPION, version)
    return version


def logged(schema: Schema) -> pd.DataFrame:
    table = simulated_table(schema, 1_000, seed=2)
    return table.assign(player=table["player"] + " of the log")


def test_schema_and_settings_are_those_of_the_champion_but_for_what_is_given(
    champion: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retrain, "read_logged", logged)
    limits = Limits(min_installs=100, draws=100)
    retraining = Retraining("studio", champion, "", {"depth": 4}, 0.5, "local", limits)
    retraining.decide("a test")
    said = capsys.readouterr().out
    assert f"Schema: that of models:/studio/{champion}.\n" in said
    assert "Training settings given: depth 4.\n" in said
    assert f"of the run of models:/studio/{champion}: seed 7, level 0.9, folds 3, " in said
    assert "num_boost_round 11, " in said and "by default" not in said
    assert "Retraining on 500 installs; the newest 500 are held out" in said
    assert "Of 500 labelled installs." in said
    client = mlflow.MlflowClient()
    version = client.get_model_version("studio", "2")
    params = client.get_run(str(version.run_id)).data.params
    assert params["num_boost_round"] == "11"
    assert params["depth"] == "4"
    assert params["data"] == "postgres"
    with downloaded("models:/studio/2") as model:
        assert model.schema == STUDIO


def test_too_few_installs_are_refused_before_anything_is_trained(
    champion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "read_logged", logged)
    retraining = Retraining("studio", champion, "", {}, 0.2, "local", Limits())
    with pytest.raises(CommandError, match=r"800 matured and labelled installs to learn from"):
        retraining.decide("a test")
    client = mlflow.MlflowClient()
    assert CHALLENGER in client.get_registered_model("studio").aliases  # version 1 itself
    assert len(client.search_model_versions("name = 'studio'")) == 1
