"""Which installs a version was trained on, as hashes that its run keeps.

A model must be judged by installs that it has not learned from. Training leaves sorted
64-bit hashes of its installs with the run, no ids, and the promotion test drops the
labelled installs that it finds there. An install is known by its `user_id`. One without is
known by its whole row; then other users' installs that are equal in everything are dropped
with it. A labelled install without `user_id` may be any that was trained on with one, and is
dropped.

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

from revenue_model.errors import CommandError
from revenue_model.model.schema import Schema

FILE = "trained_on.npz"  # the name of the first release

Hashes = NDArray[np.uint64]


def log_training_hashes(table: pd.DataFrame, schema: Schema) -> None:
    """Keep the hashes of the training installs `table` with the active run."""
    ids = _ids(table, schema)
    rows = _rows(table[ids.isna().to_numpy()], schema)
    hashes = {"id": _hashes(ids.dropna()), "row": _hashes(rows)}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / FILE
        kept = {kind: np.unique(found) for kind, found in hashes.items() if len(found)}
        np.savez_compressed(path, **kept)  # type: ignore[arg-type]
        mlflow.log_artifact(str(path))


def seen_in_training(table: pd.DataFrame, schema: Schema, run_id: str | None) -> NDArray[np.bool_]:
    """Which installs of `table` the run `run_id` has learned from.

    Raises `CommandError` when the run has left no hashes, or ids that `table` has not.
    """
    known = _load(run_id)
    found = np.zeros(len(table), bool)
    if "id" in known:
        ids = _ids(table, schema)
        if ids.isna().all():
            raise CommandError(
                f"run {run_id} was trained with '{schema.id}' and the labelled installs have "
                "none: who is in both is not known. Give a table with that column."
            )
        found |= ids.isna().to_numpy() | np.isin(_hashes(ids), known["id"])
    if "row" in known:
        found |= np.isin(_hashes(_rows(table, schema)), known["row"])
    return found


def _ids(table: pd.DataFrame, schema: Schema) -> pd.Series:
    """Of each install, missing where it has none."""
    if schema.id and schema.id in table:
        return table[schema.id]
    return pd.Series(None, table.index, object)


def _rows(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """What an install without an id is known by."""
    known = table[[*schema.features, schema.target.name]]
    # A number may come back from a CSV file with another last digit.
    return known.assign(**known.select_dtypes(np.float64).astype(np.float32))


def _hashes(values: pd.DataFrame | pd.Series) -> Hashes:
    return np.asarray(pd.util.hash_pandas_object(values, index=False), np.uint64)


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
