"""What MLflow remembers in a process: environment variables, and globals that outweigh them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.tracking import fluent
from mlflow.tracking._tracking_service import utils as tracking


@contextmanager
def mlflow_as_before() -> Iterator[None]:
    """Undo what the block does to it by `mlflow.set_...`."""
    environment, uri = dict(os.environ), tracking._tracking_uri
    experiment = fluent._active_experiment_id
    try:
        yield
    finally:
        mlflow.set_tracking_uri(uri)  # type: ignore[arg-type]  # None: as the environment says
        os.environ.clear()
        os.environ.update(environment)
        fluent._active_experiment_id = experiment
