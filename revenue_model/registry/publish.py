"""How a trained estimator becomes a version in the MLflow registry.

The artifact holds the code that predicts and logs, ``model`` and ``prediction_log``, and
nothing else of this project, so that it serves on a machine without a checkout.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.environment_variables import MLFLOW_UV_AUTO_DETECT

import revenue_model
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import SCHEMA_FILE, Schema
from revenue_model.registry.aliases import CHALLENGER

_SERVED_ROOMS = ("model", "prediction_log")
_SERVING_PACKAGES = (
    "mlflow",
    "fastapi",
    "httptools",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "uvicorn",
    "uvloop",
    "xgboost",
)


def register(
    estimator: RevenueEstimator, schema: Schema, example: pd.DataFrame, name: str
) -> ModelVersion:
    """Log `estimator` to the active run as a pyfunc model and register it as challenger.

    `example` becomes the stored input example: pass made-up installs, not users.
    """
    os.environ[MLFLOW_UV_AUTO_DETECT.name] = "false"  # uv.lock has more than serving needs
    os.environ.pop("REVENUE_PREDICTION_LOG", None)  # MLflow predicts the example: no prediction
    sys.dont_write_bytecode = True  # MLflow tries the code in the folder that it then uploads
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        learned = folder / "estimator"
        learned.mkdir()
        estimator.save(learned)
        (learned / SCHEMA_FILE).write_text(schema.to_json(), encoding="utf-8")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(revenue_model.__path__[0]) / "model" / "pyfunc.py"),
            artifacts={"estimator": str(learned)},
            code_paths=[str(_serving_code(folder))],
            signature=schema.signature(),
            input_example=example,
            pip_requirements=[f"{each}=={version(each)}" for each in _SERVING_PACKAGES],
        )
    registered = mlflow.register_model(info.model_uri, name)
    mlflow.MlflowClient().set_registered_model_alias(name, CHALLENGER, registered.version)
    return registered


def _serving_code(folder: Path) -> Path:
    """Copy what serving needs, the rooms `_SERVED_ROOMS`, as an importable package."""
    package = folder / "code" / "revenue_model"
    source = Path(revenue_model.__path__[0])
    for room in _SERVED_ROOMS:
        shutil.copytree(source / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "__init__.py", package)
    return package


def typical_install(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """One made-up install: the commonest categories and the median numbers of `table`."""
    values: dict[str, object] = {}
    for column in schema.columns:
        if column.role == "categorical":
            modes = table[column.name].mode()
            values[column.name] = modes.iloc[0] if len(modes) else ""
        elif column.role in ("event", "numeric"):
            median = table[column.name].median()
            values[column.name] = 0.0 if pd.isna(median) else float(median)
        elif column.role == "id":
            values[column.name] = "user-1"
        elif column.role == "time":
            values[column.name] = "2026-01-31T12:00:00Z"
    return pd.DataFrame([values])
