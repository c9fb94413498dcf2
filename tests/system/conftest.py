"""Real servers, started once per session: a store with a champion, and its model server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import mlflow
import pytest

from tests.system.servers import Store, mlflow_run, serving


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.MlflowClient(uri).create_experiment(
        "revenue", artifact_location=f"{folder}/artifacts"
    )
    store = Store(folder, os.environ | {"MLFLOW_TRACKING_URI": uri})
    mlflow_run(store, "simulate", rows=3000, out=folder / "installs.parquet")
    mlflow_run(store, "main", data=folder / "installs.parquet", folds=4, rounds=60)
    mlflow_run(store, "promote", env_manager="local")
    return store


@pytest.fixture(scope="session")
def server(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The champion served in an empty folder, in an environment without this project."""
    with serving(store, tmp_path_factory.mktemp("empty"), env_manager="uv") as client:
        yield client
