"""What the tests share: the default schema, simulated or real installs, a small model."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Generator, Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from hypothesis import settings
from mlflow.tracking._tracking_service import utils as tracking

from revenue_model.data.simulate import simulated_table
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema
from revenue_model.registry.publish import register, typical_install
from revenue_model.training.fit import fit
from tests.examples import SMALL
from tests.mlflow_state import mlflow_as_before
from tests.modes import ALL, MISSING

# The same examples in every run; REVENUE_EXPLORE=1 looks for others.
explores = bool(os.environ.get("REVENUE_EXPLORE"))
settings.register_profile("busy machine", deadline=None, derandomize=not explores)
settings.load_profile("busy machine")

REAL_TABLE = Path(__file__).parents[2] / "shared" / "data" / "challenge_train.csv"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server by its fixtures, and let the files that take longest begin."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "postgres" in fixtures or item.path.parent.name == "system":
            item.add_marker("system")
        if "session" in fixtures:  # Spark's
            item.add_marker("long")
    waiting = {item.path for item in items if item.get_closest_marker("system")}

    def place(item: pytest.Item) -> int:
        if item.path.parent.name == "system":
            return 0
        return 1 if item.path in waiting else 2

    items.sort(key=place)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With `--all` nothing is skipped because a program or a package is not there."""
    report = yield
    if ALL and report.skipped and MISSING in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"`scripts/test --all` allows no such skip: {report.longrepr}"
    return report


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """Each module leaves it as it was."""
    with mlflow_as_before():
        yield


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema.read(DEFAULT_SCHEMA)


@pytest.fixture(scope="session")
def installs(schema: Schema) -> pd.DataFrame:
    """3,000 simulated installs with their revenue; do not change it in place."""
    return simulated_table(schema, rows=3000, seed=7)


@pytest.fixture(scope="session")
def model(schema: Schema, installs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a registered model."""
    folder = tmp_path_factory.mktemp("model")
    estimator = fit(installs.head(800), schema, SMALL)
    with tracking._use_tracking_uri(f"sqlite:///{folder}/mlflow.db"):
        experiment = mlflow.create_experiment("revenue", f"{folder}/artifacts")
        with mlflow.start_run(experiment_id=experiment):
            register(estimator, schema, typical_install(installs, schema), "revenue")
        uri = "models:/revenue@challenger"
        return str(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder / "model")))


@pytest.fixture(scope="session")
def released_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that release 0.1.0 registered, with the code of that release."""
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(Path(__file__).parent / "released" / "model-0.1.0.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder
