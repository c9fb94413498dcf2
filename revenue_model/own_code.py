"""Run a registered model by the code that it brings, whatever code runs here.

An artifact holds a package `revenue_model` of its own, as old as the model. The worker of the
model server loads this file by its path, so it imports nothing of this project.
"""

from __future__ import annotations

import os
import sys

import mlflow.pyfunc
from mlflow.pyfunc import PyFuncModel

_READ_BY_MODELS = ("REVENUE_PREDICTION_LOG", "REVENUE_CHALLENGER")


def load_with_own_code(uri: str) -> PyFuncModel:
    """The model at `uri`, a folder or a URI of the registry; it logs no predictions."""
    ours = {name: module for name, module in sys.modules.items() if _is_of_a_model(name)}
    path = list(sys.path)
    settings = {key: os.environ.pop(key) for key in _READ_BY_MODELS if key in os.environ}
    for name in ours:
        del sys.modules[name]
    try:
        model: PyFuncModel = mlflow.pyfunc.load_model(uri)
        return model
    finally:
        for name in filter(_is_of_a_model, list(sys.modules)):
            del sys.modules[name]
        sys.modules.update(ours)
        sys.path[:] = path
        os.environ.update(settings)


def _is_of_a_model(module: str) -> bool:
    return module.partition(".")[0] == "revenue_model"
