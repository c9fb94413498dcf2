"""Real servers, started once per session: a store with a champion, and its model server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tests.shared_files import built_once
from tests.system.servers import Store, serving


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, installs: pd.DataFrame) -> Store:
    """A database of its own for each worker, over artifacts that all share."""

    def at(folder: Path) -> Store:
        uri = f"sqlite:///{folder}/mlflow.db"
        return Store(folder, os.environ | {"MLFLOW_TRACKING_URI": uri})

    def train_and_promote(folder: Path) -> None:
        installs.to_parquet(folder / "installs.parquet")
        store = at(folder)
        store.client().create_experiment("revenue", f"{folder}/artifacts")
        store.entry_point("main", data=folder / "installs.parquet", folds=4, rounds=60)
        store.entry_point("promote", env_manager="local")

    built = built_once(tmp_path_factory, "store", train_and_promote)
    folder = tmp_path_factory.mktemp("store")
    for name in ("mlflow.db", "installs.parquet"):
        shutil.copy(built / name, folder)
    return at(folder)


@pytest.fixture(scope="session")
def server(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The champion served in an empty folder, in an environment without this project."""
    with serving(store, tmp_path_factory.mktemp("empty"), env_manager="uv") as client:
        yield client
