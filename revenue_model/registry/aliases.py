"""The names by which versions are found: the registered model and its aliases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
T = TypeVar("T")
_ABSENT = {ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)}


def version_at_alias(name: str, alias: str) -> str | None:
    """The version of the model `name` with `alias`, None when there is none."""
    client = mlflow.MlflowClient()
    found = if_there(lambda: client.get_model_version_by_alias(name, alias))
    return str(found.version) if found else None


def if_there(ask: Callable[[], T]) -> T | None:
    """What `ask` finds in the registry; None when it does not exist there."""
    try:
        return ask()
    except MlflowException as error:
        if error.error_code not in _ABSENT:  # as when the registry is away
            raise
        return None


def require_model_name(name: str) -> None:
    """Raises `ValueError` for a name that no registry of MLflow takes."""
    if name.strip() in ("", ".", "..") or set(name) & set("/:"):
        raise ValueError(f"name is {name!r}; a registered model's name has no / and no :.")
