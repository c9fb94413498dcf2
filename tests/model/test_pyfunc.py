"""The registered model, loaded and called in Python."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from revenue_model.model.schema import Schema
from revenue_model.prediction_log.journal import FIELDS


@pytest.mark.parametrize("rows", [50, 300])
def test_columns_may_have_types_of_pandas(
    model: str,
    schema: Schema,
    installs: pd.DataFrame,
    rows: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REVENUE_PREDICTION_LOG", str(tmp_path))
    loaded = mlflow.pyfunc.load_model(model)
    plain = installs.head(rows)[list(schema.features)].assign(source=None, user_id=None)
    texts = dict.fromkeys([*schema.categoricals, "user_id"], "string")
    expected = loaded.predict(plain)
    pd.testing.assert_frame_equal(loaded.predict(plain.astype(texts)), expected)
    [segment] = tmp_path.glob("*.log")
    logged = segment.read_text(encoding="utf-8").splitlines()[1:]
    inputs = [line.split("\t")[FIELDS.index("inputs")] for line in logged]
    assert len(inputs) == 2 * rows
    assert inputs[:rows] == inputs[rows:]
