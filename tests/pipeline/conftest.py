"""Entry points run in this process, with the defaults of MLproject, and a small model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml

from revenue_model.model.schema import Schema
from revenue_model.model.training import TrainingSettings, fit
from revenue_model.pipeline.command import run_command
from revenue_model.pipeline.registry import register, typical_install

MLPROJECT = yaml.safe_load((Path(__file__).parents[2] / "MLproject").read_text())


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Command = Callable[..., Answer]


def arguments(name: str, /, **changes: object) -> list[str]:
    """The options of an entry point: the defaults of MLproject, changed by `changes`."""
    parameters = MLPROJECT["entry_points"][name]["parameters"]
    values = {key: parameter["default"] for key, parameter in parameters.items()}
    return [
        word
        for key, value in (values | changes).items()
        for word in (f"--{key.replace('_', '-')}", str(value))
    ]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(name: str, /, **changes: object) -> Answer:
        module = import_module(f"revenue_model.pipeline.{'train' if name == 'main' else name}")
        monkeypatch.setattr(sys, "argv", [name, *arguments(name, **changes)])
        code = 0
        try:
            run_command(module.main)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def model(
    schema: Schema, installs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The folder of a registered model."""
    folder = tmp_path_factory.mktemp("model")
    settings = TrainingSettings(
        seed=1,
        level=0.9,
        folds=3,
        rounds=20,
        depth=3,
        learning_rate=0.1,
        device="cpu",
        threads=1,
    )
    estimator = fit(installs.head(800), schema, settings)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    try:
        experiment = mlflow.create_experiment("revenue", f"{folder}/artifacts")
        with mlflow.start_run(experiment_id=experiment):
            register(estimator, schema, typical_install(installs, schema), "revenue")
        uri = "models:/revenue@challenger"
        return str(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder / "model")))
    finally:
        mlflow.set_tracking_uri(before)
