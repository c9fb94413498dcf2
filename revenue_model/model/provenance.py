"""What the prediction log says of a model: which version it is, and which columns it takes."""

from __future__ import annotations

from pathlib import Path

import yaml
from mlflow.models import Model

from revenue_model.model.schema import Schema
from revenue_model.prediction_log.journal import LoggedColumns, Provenance


def provenance_of(folder: Path) -> Provenance:
    """The version in `folder`, as MLflow noted when it fetched it."""
    meta = folder / "registered_model_meta"
    registered = yaml.safe_load(meta.read_text(encoding="utf-8")) if meta.exists() else {}
    return Provenance(
        model_name=registered.get("model_name", ""),
        model_version=str(registered.get("model_version", "")),
        model_id=Model.load(str(folder)).model_id or "",
    )


def logged_columns(schema: Schema) -> LoggedColumns:
    """The columns of a request that go to the prediction log: all but the target."""
    inputs = (c.name for c in schema.columns if c.role not in ("target", "id"))
    return LoggedColumns(tuple(inputs), schema.id, schema.segments)
