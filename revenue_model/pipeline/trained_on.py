"""Which installs a version was trained on, as hashes that its run keeps.

A model must be judged by installs that it has not learned from. Training leaves sorted
64-bit hashes of its installs with the run, no ids, and the gate drops the labelled installs
that it finds there. An install is known by its `user_id`. Where there is none it is known by
its whole row; then other users' installs that are equal in everything are dropped with it.

Two of a million installs share a hash with a chance of 3 in 100 million.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray

from revenue_model.model.schema import Schema
from revenue_model.pipeline.command import CommandError

FILE = "trained_on.npz"

Hashes = NDArray[np.uint64]


def log(table: pd.DataFrame, schema: Schema) -> None:
    """Keep the hashes of the training installs `table` with the active run."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / FILE
        hashes = {kind: np.unique(found) for kind, found in _hashes(table, schema).items()}
        np.savez_compressed(path, **hashes)  # type: ignore[arg-type]
        mlflow.log_artifact(str(path))


def trained_on(table: pd.DataFrame, schema: Schema, run_id: str | None) -> NDArray[np.bool_]:
    """Which installs of `table` the run `run_id` has learned from.

    Raises `CommandError` when the run has left no hashes.
    """
    known = _load(run_id)
    found = np.zeros(len(table), bool)
    for kind, hashes in _hashes(table, schema).items():
        if kind not in known:
            raise CommandError(
                f"run {run_id} was trained {'with' if kind == 'row' else 'without'} "
                f"'{schema.id}' and the labelled installs are the opposite: who is in both "
                "cannot be told. Give a table as the training's."
            )
        found |= np.isin(hashes, known[kind])
    return found


def _hashes(table: pd.DataFrame, schema: Schema) -> dict[str, Hashes]:
    """A hash per install, under what it was made from."""
    if schema.id and schema.id in table and table[schema.id].notna().all():
        return {"id": pd.util.hash_pandas_object(table[schema.id], index=False).to_numpy()}
    known = table[[name for name in (*schema.features, schema.target.name) if name in table]]
    # A number may come back from a CSV file with another last digit.
    numbers = known.select_dtypes(np.float64).astype(np.float32)
    return {"row": pd.util.hash_pandas_object(known.assign(**numbers), index=False).to_numpy()}


def _load(run_id: str | None) -> dict[str, Hashes]:
    try:
        content = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=FILE)
    except (MlflowException, OSError):
        raise CommandError(
            f"run {run_id} has no {FILE}, so which installs it was trained on is not known. "
            "Train again by `mlflow run . -P data=PATH`, or promote by -P force=true "
            "-P reason=WHY."
        ) from None
    with np.load(io.BytesIO(Path(content).read_bytes()), allow_pickle=False) as stored:
        return {kind: stored[kind] for kind in stored.files}
