"""Which registered version lies in a folder."""

from __future__ import annotations

from pathlib import Path

import yaml
from mlflow.models import Model

from revenue_model.prediction_log.writer import Origin


def origin_of(folder: Path) -> Origin:
    """The version in `folder`, as MLflow noted when it fetched it."""
    meta = folder / "registered_model_meta"
    registered = yaml.safe_load(meta.read_text(encoding="utf-8")) if meta.exists() else {}
    return Origin(
        model_name=registered.get("model_name", ""),
        model_version=str(registered.get("model_version", "")),
        model_id=Model.load(str(folder)).model_id or "",
    )
