"""Training by its command: what it registers, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from revenue_model.data.simulate import simulated_table
from revenue_model.model.schema import Schema
from tests.commands.conftest import Command, arguments, entry_point
from tests.conftest import REAL_TABLE
from tests.mlflow_state import mlflow_as_before
from tests.modes import ALL

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.system

SMALL = {"folds": 4, "rounds": 60}


class Trainer:
    """Runs the command behind `mlflow run .` against a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"sqlite:///{folder}/mlflow.db"
        self.client = mlflow.MlflowClient(self.uri)
        self.client.create_experiment("revenue", artifact_location=f"{folder}/artifacts")

    def __call__(self, data: Path, **changes: object) -> None:
        """Train with the defaults, changed by `changes`."""
        with mlflow_as_before():
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_experiment("revenue")
            entry_point("main", data=data, **changes)

    def in_a_process(self, data: Path, **changes: object) -> str:
        """The same in a process of its own; what that wrote."""
        command = [sys.executable, "-m", "revenue_model.commands.train"]
        command += arguments(data=data, **changes)
        environment = os.environ | {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_EXPERIMENT_NAME": "revenue",
        }
        done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def versions(self) -> list[mlflow.entities.model_registry.ModelVersion]:
        return list(self.client.search_model_versions("name = 'revenue'"))

    def artifact(self, version: str, folder: Path) -> Path:
        mlflow.set_tracking_uri(self.uri)
        uri = f"models:/revenue/{version}"
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    return Trainer(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, installs: pd.DataFrame) -> Path:
    path = tmp_path_factory.mktemp("data") / "installs.csv"
    installs.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def trained_twice(
    trainer: Trainer, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Once in a process of its own, whose hashes of text differ, and once in this one."""
    told = trainer.in_a_process(data, **SMALL)
    assert "Registered revenue version 1 as challenger." in told
    trainer(data, **SMALL)
    return [trainer.artifact(version, tmp_path_factory.mktemp("version")) for version in ("1", "2")]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_training_twice_gives_the_same_model_byte_for_byte(trained_twice: list[Path]) -> None:
    first, again = (files(folder / "artifacts") for folder in trained_twice)
    assert any(name.endswith(".ubj") for name in first)
    assert first == again


def test_the_model_holds_no_pickle_and_only_the_serving_code(trained_twice: list[Path]) -> None:
    names = list(files(trained_twice[0]))
    allowed = {".ubj", ".json", ".parquet", ".npz", ".py", ".toml", ".yaml", ".txt", ""}
    assert {Path(name).suffix for name in names} <= allowed
    rooms = {Path(name).parent.name for name in names if name.endswith(".py")}
    assert rooms == {"", "revenue_model", "model", "prediction_log"}
    assert all(not content.startswith(b"\x80\x04") for content in files(trained_twice[0]).values())


def test_the_model_pins_what_it_needs(trained_twice: list[Path]) -> None:
    lines = (trained_twice[0] / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines)
    assert {"mlflow", "xgboost", "pandas", "numpy"} <= {line.split("==")[0] for line in lines}


def test_the_run_tells_how_the_model_came_about(
    trainer: Trainer, trained_twice: list[Path]
) -> None:
    version = trainer.client.get_model_version_by_alias("revenue", "challenger")
    assert version.version in ("2", 2)
    run = trainer.client.get_run(str(version.run_id))
    for part in ("train", "validation", "test"):
        assert run.data.metrics[f"{part}_mae"] <= run.data.metrics[f"{part}_rmse"]
        assert run.data.metrics[f"{part}_r2"] > 0.5
    assert run.inputs
    digests = {each.dataset.name: each.dataset.digest for each in run.inputs.dataset_inputs}
    assert set(digests) == {"train", "validation", "test"}
    assert run.data.params["seed"]
    drawn = {each.path for each in trainer.client.list_artifacts(run.info.run_id, "figures")}
    assert {"residuals", "predicted_against_real", "importance", "calibration_by_decile"} <= {
        Path(path).stem for path in drawn
    }
    assert trainer.client.list_artifacts(run.info.run_id, "audit")


def test_external_memory_trains_the_same_model(
    trainer: Trainer,
    trained_twice: list[Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trainer(data, external_memory="true", **SMALL)
    assert not list(tmp_path.glob("revenue-model-*"))
    version = trainer.client.get_model_version_by_alias("revenue", "challenger").version
    trained = trainer.artifact(version, tmp_path)
    assert files(trained / "artifacts") == files(trained_twice[0] / "artifacts")
    runs = [
        trainer.client.get_run(str(trainer.client.get_model_version("revenue", each).run_id))
        for each in ("1", version)
    ]
    first, again = (run.data.metrics for run in runs)
    assert first == again


def test_a_holdout_is_the_test_part(
    trainer: Trainer, data: Path, schema: Schema, tmp_path: Path
) -> None:
    holdout = tmp_path / "holdout.parquet"
    simulated_table(schema, rows=500, seed=8).to_parquet(holdout)
    trainer(data, holdout=holdout, **SMALL)
    version = trainer.client.get_model_version_by_alias("revenue", "challenger")
    metrics = trainer.client.get_run(str(version.run_id)).data.metrics
    assert "test_mae" in metrics and "validation_mae" not in metrics


def test_what_cannot_be_trained_on_ends_with_2_and_registers_nothing(
    trainer: Trainer, command: Command, installs: pd.DataFrame, tmp_path: Path, data: Path
) -> None:
    known = len(trainer.versions())
    path = tmp_path / "wrong.csv"
    installs.assign(revenue=installs["revenue"].where(installs.index != 7, -1)).to_csv(
        path, index=False
    )
    mlflow.set_tracking_uri(trainer.uri)
    for refused, expected in [
        (command("main", data=path), f"error: {path}: column 'revenue', line 9: expected a"),
        (command("main", data=data, holdout=path), f"error: {path}: column 'revenue', line 9:"),
        (command("main", data=tmp_path / "absent.csv"), "cannot be read (No such file or dir"),
        (command("main", data=tmp_path), "is a directory; give one CSV or Parquet file."),
        (command("main", data=data, folds=2), "error: folds is 2; give one from 3 to 100."),
        (command("main", data=data, schema=path), f"error: {path}: is no valid TOML file"),
    ]:
        assert refused.code == 2
        assert expected in refused.err
        assert "Traceback" not in refused.err
    assert len(trainer.versions()) == known


def test_a_strict_training_stops_at_a_fault_in_the_data(
    trainer: Trainer, command: Command, data: Path
) -> None:
    known = len(trainer.versions())
    mlflow.set_tracking_uri(trainer.uri)
    mlflow.set_experiment("revenue")
    refused = command("main", data=data, strict="true")
    assert refused.code == 2
    assert "error: the audit of the training installs alarms:" in refused.err
    assert "'pe'" in refused.err and "-P strict=true" in refused.err
    assert len(trainer.versions()) == known


@pytest.mark.skipif(not REAL_TABLE.exists(), reason="the real table is not here")
def test_the_real_table_trains_far_better_than_the_reference(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path)
    settings = {} if ALL else {"folds": 4, "num_boost_round": 100, "learning_rate": 0.2}
    trainer(REAL_TABLE, holdout=REAL_TABLE.with_name("challenge_dev.csv"), **settings)
    version = trainer.client.get_model_version_by_alias("revenue", "challenger")
    metrics = trainer.client.get_run(str(version.run_id)).data.metrics
    assert metrics["test_mae"] < 5.0  # the reference: 15.82
    assert metrics["test_r2"] > 0.99  # the reference: 0.909


@pytest.mark.parametrize("name", ["studio/revenue", "a:b", " ", ".."])
@pytest.mark.parametrize("entry", ["main", "promote"])
def test_a_name_that_no_registry_takes_is_refused_first(
    command: Command, entry: str, name: str
) -> None:
    answer = command(entry, data="absent.csv", name=name)
    assert answer.code == 2
    assert answer.err.startswith(f"error: name is {name!r}; ")
    assert answer.out == ""
