"""The names by which versions are found: the registered model and its aliases."""

from __future__ import annotations

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

MODEL_NAME = "revenue"  # unless a person names another
CHALLENGER = "challenger"
CHAMPION = "champion"
_ABSENT = {ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)}


def version_at_alias(name: str, alias: str) -> str | None:
    """The version of the model `name` with `alias`, None when there is none."""
    try:
        found = mlflow.MlflowClient().get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if not is_absent(error):
            raise
        return None
    return str(found.version)


def is_absent(error: MlflowException) -> bool:
    """Whether what was asked for does not exist, rather than the registry being away."""
    return error.error_code in _ABSENT
