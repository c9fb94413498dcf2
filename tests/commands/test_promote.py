"""`promote` and `evaluate` by their commands, on real versions of a real registry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from revenue_model.commands import promote
from revenue_model.commands.evaluate import LabelledInstalls
from revenue_model.commands.train import train
from revenue_model.data.simulate import simulated_table
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits, Verdict
from revenue_model.model.schema import Schema
from revenue_model.registry.history import ChampionHistory
from tests.commands.conftest import Command
from tests.examples import SMALL

SETTINGS = replace(SMALL, num_boost_round=40, depth=4)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> mlflow.MlflowClient:
    folder = tmp_path_factory.mktemp("registry")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    client = mlflow.MlflowClient()
    client.create_experiment("revenue", artifact_location=f"{folder}/artifacts")
    mlflow.set_experiment("revenue")
    return client


@pytest.fixture(scope="module")
def world(schema: Schema) -> pd.DataFrame:
    return simulated_table(schema, 9_000, seed=1001)


@pytest.fixture(scope="module")
def data(world: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled installs, of which the strong version was trained on the first 500."""
    path = tmp_path_factory.mktemp("data") / "fresh.csv"
    world.iloc[4_500:].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def versions(client: mlflow.MlflowClient, world: pd.DataFrame, schema: Schema) -> None:
    """Version 1 is trained on a few installs, version 2 on many."""
    for installs in (world.head(1_000), world.head(5_000)):
        part = installs.reset_index(drop=True)
        with mlflow.start_run():
            train({"train": part}, schema, SETTINGS, "revenue", source="installs.csv")


def aliases(client: mlflow.MlflowClient) -> dict[str, str]:
    found = client.get_registered_model("revenue").aliases
    return {alias: str(version) for alias, version in found.items()}


def challenge(client: mlflow.MlflowClient, version: str, champion: str | None) -> None:
    client.set_registered_model_alias("revenue", "challenger", version)
    if champion:
        client.set_registered_model_alias("revenue", "champion", champion)


@pytest.mark.usefixtures("versions")
def test_the_life_of_a_model(
    client: mlflow.MlflowClient,
    command: Command,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    challenge(client, "1", None)
    first = command("promote", env_manager="local")
    assert (first.code, first.out) == (0, "revenue version 1 is the champion.\n")
    # It was served first, as every promoted version is; once is enough here, it takes seconds.
    monkeypatch.setattr(promote, "_require_serving", lambda *_: None)

    challenge(client, "2", None)
    unasked = command("promote", env_manager="local")
    assert unasked.code == 2
    assert "version 1 of 'revenue' is the champion and nothing is given" in unasked.err
    assert "-P data=PATH" in unasked.err and "-P force=true -P reason=WHY" in unasked.err
    assert aliases(client) == {"champion": "1", "challenger": "2"}

    better = command("promote", env_manager="local", data=data)
    assert better.code == 0, better.out + better.err
    assert "revenue version 2 is the champion.\n" in better.out
    assert "Of 4000 labelled installs." in better.out
    assert aliases(client) == {"champion": "2"}
    figures = json.loads(client.get_model_version("revenue", "2").tags["gate"])
    assert figures["tweedie_deviance_rest_high"] < -0.02

    challenge(client, "1", None)
    refused = command("promote", env_manager="local", data=data)
    assert refused.code == 3
    assert "Refused: revenue version 1 stays challenger.\n" in refused.out
    assert "tweedie_deviance of the rest is higher" in refused.out
    assert aliases(client) == {"champion": "2", "challenger": "1"}
    tag = json.loads(client.get_model_version("revenue", "1").tags["refused"])
    assert tag["against"] == "2" and tag["reasons"]

    reasonless = command("promote", env_manager="local", force="true")
    assert reasonless.code == 2 and "give -P reason=WHY" in reasonless.err
    assert command("promote", env_manager="local", force="true", reason="a test").code == 0
    assert aliases(client) == {"champion": "1"}

    back = command("promote", env_manager="local", rollback="true", reason="worse after all")
    assert back.code == 0 and "version 2" in back.out
    assert aliases(client) == {"champion": "2"}
    history = command("promote", env_manager="local", history="true").out.splitlines()
    assert [line.split()[2] for line in history] == ["1", "2", "1", "2"]
    assert "rolled back" in history[-1] and history[-1].endswith(": worse after all")
    moment = history[1].split()[0]
    assert command("promote", env_manager="local", at=moment).out.startswith(f"{moment}  version 2")
    assert "had no champion at 2020" in command("promote", env_manager="local", at="2020-01-01").out


@pytest.mark.usefixtures("versions")
def test_evaluate_logs_what_the_metrics_say_of_unseen_installs(
    client: mlflow.MlflowClient, command: Command, data: Path
) -> None:
    done = command("evaluate", data=data, model="models:/revenue/2", against="models:/revenue/1")
    assert done.code == 0, done.err
    assert "tweedie_deviance" in done.out and "Of 4000 labelled installs." in done.out
    experiment = client.get_experiment_by_name("revenue")
    assert experiment
    [run] = client.search_runs([experiment.experiment_id], max_results=1)
    metrics = run.data.metrics
    assert metrics["mae_rest"] == pytest.approx(metrics["mae_rest_challenger"])
    assert metrics["mae_rest"] < metrics["mae_rest_champion"]
    drawn = [each.path for each in client.list_artifacts(run.info.run_id, "figures")]
    assert "figures/bias_by_segment.png" in drawn


@pytest.mark.usefixtures("versions")
def test_what_cannot_be_done_ends_with_2_and_a_line(
    client: mlflow.MlflowClient,
    command: Command,
    world: pd.DataFrame,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    challenge(client, "2", "1")
    before = aliases(client)
    trained_on = tmp_path / "trained_on.parquet"
    world.head(4_800).to_parquet(trained_on)
    client.create_registered_model("broken")
    client.create_model_version("broken", str(tmp_path / "nothing"))
    client.set_registered_model_alias("broken", "challenger", "1")
    for answer, expected in [
        (
            command("promote", env_manager="local", name="nobody"),
            "model 'nobody' has no challenger; train one by",
        ),
        (
            command("promote", env_manager="local", name="nobody", rollback="true"),
            "no champion before this one",
        ),
        (
            command("promote", env_manager="local", name="broken"),
            "error: models:/broken/1 is no revenue model: it has no",
        ),
        (
            command("promote", env_manager="local", data=trained_on),
            "every install is one that a model was trained",
        ),
        (
            command("promote", env_manager="local", data=data, least=4001),
            "at least 4001 and 50 are needed",
        ),
        (
            command("promote", env_manager="local", data=tmp_path / "absent.csv"),
            "cannot be read",
        ),
        (
            command("promote", env_manager="local", at="yesterday"),
            "give a moment as 2026-01-31T12:00:00Z",
        ),
        (
            command("promote", env_manager="local", confidence=2),
            "confidence is 2; give one from 0.5 to 1.",
        ),
        (command("evaluate", data=data, model="models:/revenue/9"), "cannot be downloaded"),
        (command("evaluate"), "no data: give -P data=PATH"),
    ]:
        assert answer.code == 2, answer
        [line] = [line for line in answer.err.splitlines() if line.startswith("error: ")]
        assert expected in line
        assert "Traceback" not in answer.err
    assert aliases(client) == before

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with _use_tracking_uri("http://127.0.0.1:9"):
        down = command("promote", env_manager="local")
    assert down.code == 2
    assert "error: MLflow at http://127.0.0.1:9 does not answer; start it" in down.err


@pytest.mark.usefixtures("versions")
def test_a_champion_that_is_gone_is_not_replaced_unseen(
    client: mlflow.MlflowClient, command: Command
) -> None:
    challenge(client, "1", "2")
    command("promote", env_manager="local", history="true")
    client.delete_registered_model_alias("revenue", "champion")
    lost = command("promote", env_manager="local")
    assert lost.code == 2 and "has lost its champion: version 2 is deleted" in lost.err
    assert "-P rollback=true" in lost.err


def test_a_roll_back_while_it_judges_is_not_undone(
    client: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.create_registered_model("raced")
    for _ in range(3):
        client.create_model_version("raced", "nowhere")
    history = ChampionHistory("raced")
    for version in ("1", "2"):
        history.set_champion(version, "promoted", "better")
    client.set_registered_model_alias("raced", "challenger", "3")

    def judge(*_: str) -> Verdict:
        promote.roll_back(history, "2 is broken")
        return Verdict(True, (), 1_000, pd.DataFrame(columns=["part", "measure"]))

    monkeypatch.setattr(promote, "_require_serving", lambda *_: None)
    monkeypatch.setattr(promote.Challenge, "_judge", judge)
    installs = LabelledInstalls("installs.csv")
    challenge = promote.Challenge(history, installs, "local", Limits())
    with pytest.raises(CommandError, match="has changed meanwhile, from version 2 to 1"):
        challenge.decide()
    assert history.champion == "1"
