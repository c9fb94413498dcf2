"""What the tests share: the default schema and simulated, or real, installs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from revenue_model.model.schema import DEFAULT_SCHEMA, Schema
from revenue_model.pipeline.simulate import simulated_table

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

REAL_TABLE = Path(__file__).parents[2] / "shared" / "data" / "challenge_train.csv"


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """Each module leaves it as it was: `mlflow.set_experiment` writes to it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema.read(DEFAULT_SCHEMA)


@pytest.fixture(scope="session")
def installs(schema: Schema) -> pd.DataFrame:
    """3,000 simulated installs with their revenue; do not change it in place."""
    return simulated_table(schema, rows=3000, seed=7)
