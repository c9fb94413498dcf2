"""`RevenueModel`, the registered model as MLflow loads and calls it.

MLflow stores this file itself as the model's code ("models from code"), so the artifact
holds no pickle; what was learned lies beside it in ``artifacts/estimator``.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.context import get_prediction_context
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from pandas.api.extensions import ExtensionDtype
from pandas.api.types import infer_dtype

from revenue_model.model import fast_path
from revenue_model.model.arrays import Array
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.fast_path import MIN_ARRAY_ROWS
from revenue_model.model.schema import OPTIONS, SCHEMA_FILE, Schema
from revenue_model.prediction_log.journal import Provenance
from revenue_model.prediction_log.writer import JournalWriter

_logger = logging.getLogger(__name__)

_SERVING = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"  # set by MLflow's scoring server

Outputs = dict[str, Array]


class Request(NamedTuple):
    """A request that is answered."""

    columns: Mapping[str, Sequence[Any]]
    wanted: dict[str, bool]  # which outputs besides the revenue
    request_id: str  # "" when the client gave none
    began: float  # by `time.perf_counter`

    def logged(self) -> dict[str, Any]:
        """Its id and what it took until now, as the writer takes them."""
        took = time.perf_counter() - self.began
        return {"request_id": self.request_id, "inference_time_s": took}


Finish = Callable[[Request, Outputs], Outputs]


class RevenueModel(PythonModel):
    """Predict the revenue of each install in its first 7 days, in USD.

    Answers a DataFrame with a row per install and the column `predicted_revenue`, finite
    and at least 0. `params` ask for more columns: `interval` adds `revenue_low` and
    `revenue_high`, `payer_probability` and `explain` add theirs. Every answered and every
    failed row goes to the prediction log when `REVENUE_PREDICTION_LOG` names a folder.

    Besides what MLflow calls, an experiment around it uses `schema`, `estimator`, `writer`,
    `writer_for` and `finish_requests_by`; versions of other releases take part in one, too.
    """

    def load_context(self, context: PythonModelContext) -> None:
        folder = Path(context.artifacts["estimator"])
        self.schema = Schema.from_json((folder / SCHEMA_FILE).read_text(encoding="utf-8"))
        self.estimator = RevenueEstimator.load(folder, self.schema)
        self.writer = self.writer_for(folder.parents[1])
        self._finish: Finish = self._log
        self._logged = [c.name for c in self.schema.columns if c.role != "target"]
        nothing: dict[str, Sequence[Any]] = {name: [None] for name in self.schema.features}
        # The first request shall be as fast as the rest, and none shall wait while the
        # garbage collector walks through what stays.
        self.estimator.predict(nothing)
        gc.collect()
        gc.freeze()
        fast_path.install()

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Predict each row of `model_input`; `MlflowException` (HTTP 400) names a bad value."""
        start = time.perf_counter()
        columns = self._columns(model_input)
        refusal = self._refusal(columns)
        outputs = self._predict_and_log(columns, params or {}, start, refusal)
        if os.environ.get(_SERVING) != "true":
            return pd.DataFrame(outputs)
        return _records(outputs)  # the server would need 0.1 ms to make them

    def answer_json(self, body: bytes) -> list[dict[str, float]] | None:
        """The answer to a body that `fast_path` can read; None leaves it to MLflow."""
        start = time.perf_counter()
        request = fast_path.parse(body, self.schema)
        if request is None or self._refusal(request[0]):
            return None
        return _records(self._predict_and_log(*request, start))

    def writer_for(self, folder: Path, *, shadow: bool = False) -> JournalWriter | None:
        """A writer of rows that the version in `folder` predicts, None where nothing is logged.

        The rows of a `shadow` answer nobody.
        """
        columns = self.schema.logged_columns()
        return JournalWriter.from_environment(_provenance(folder), columns, shadow=shadow)

    def finish_requests_by(self, finish: Finish) -> None:
        """Have `finish` log what is predicted, and return what is answered in its place."""
        self._finish = finish

    def _predict_and_log(
        self,
        columns: dict[str, Sequence[Any]],
        params: dict[str, Any],
        start: float,
        refusal: MlflowException | None = None,
    ) -> Outputs:
        """Predict and log; raises `refusal` when it is logged."""
        wanted = {name: params.get(name, False) for name in OPTIONS}
        context = get_prediction_context()  # where the server puts `X-Request-ID`
        request_id = params.get("request_id") or (context and context.request_id) or ""
        request = Request(columns, wanted, request_id, start)
        try:
            if refusal:
                raise refusal
            outputs = self.estimator.predict(columns, **wanted)
        except Exception as error:
            if self.writer:
                self.writer.append_failure(columns, str(error), **request.logged())
            raise
        try:
            return self._finish(request, outputs)
        except Exception:  # an experiment's: the champion answers, whatever it does
            _logger.exception("The experiment left a request out.")
            return self._log(request, outputs)

    def _log(self, request: Request, outputs: Outputs) -> Outputs:
        if self.writer:
            self.writer.append(request.columns, outputs, **request.logged())
        return outputs

    def _columns(self, table: pd.DataFrame) -> dict[str, Sequence[Any]]:
        present = [name for name in self._logged if name in table]
        if len(table) < MIN_ARRAY_ROWS:
            return {name: _without_pandas_type(table[name]).tolist() for name in present}
        return {name: _without_pandas_type(table[name]).to_numpy() for name in present}

    def _refusal(self, columns: Mapping[str, Sequence[Any]]) -> MlflowException | None:
        """Why not to predict what the signature lets through: a bad number, or no text."""
        for column in self.schema.columns:
            values = columns.get(column.name)
            if values is None:
                continue
            if column.is_number:
                numbers = np.asarray(values, np.float64)
                is_event = column.role == "event"
                bad = np.flatnonzero(np.isinf(numbers) | (is_event & (numbers < 0))).tolist()
                expected = "a finite number of 0 or more" if is_event else "a finite number"
            else:
                bad = _no_texts(values)
                expected = "text"
            if len(bad):
                got = values[bad[0]]
                return MlflowException(
                    f"Column '{column.name}', row {bad[0] + 1}: expected {expected}, "
                    f"got {got.item() if isinstance(got, np.generic) else got!r}.",
                    INVALID_PARAMETER_VALUE,
                )
        return None


def _provenance(folder: Path) -> Provenance:
    """The version in `folder`, as MLflow noted when it fetched it."""
    meta = folder / "registered_model_meta"
    registered = yaml.safe_load(meta.read_text(encoding="utf-8")) if meta.exists() else {}
    return Provenance(
        model_name=registered.get("model_name", ""),
        model_version=str(registered.get("model_version", "")),
        model_id=Model.load(str(folder)).model_id or "",
    )


def _records(outputs: Mapping[str, Array]) -> list[dict[str, float]]:
    columns = [column.tolist() for column in outputs.values()]
    return [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]


def _without_pandas_type(column: pd.Series) -> pd.Series:
    """`column` without a type of pandas's own, whose `pd.NA` is neither text nor a number."""
    if isinstance(column.dtype, ExtensionDtype):
        return column.astype(object).where(column.notna(), None)
    return column


def _no_texts(values: Sequence[Any]) -> list[int]:
    """Where `values` are neither text nor missing."""
    if len(values) >= MIN_ARRAY_ROWS and infer_dtype(values) in ("string", "empty"):
        return []  # found by a quick loop in C
    return [
        index
        for index, value in enumerate(values)
        if not (isinstance(value, str) or value is None or value != value)
    ]


mlflow.models.set_model(RevenueModel())
