"""Score a table on Spark: `score` with ``-P engine=spark``.

The registered model runs in every worker by `mlflow.pyfunc.spark_udf`, so the numbers are
those of one machine. The output is a folder of part files, which takes its name when all of
them are written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
from mlflow.models import Model
from mlflow.types import DataType

from revenue_model.data.chunked import SUFFIXES, partial_path
from revenue_model.errors import CommandError, TableError
from revenue_model.spark.session import as_text, open_table, translate_errors

_ANSWER = "answer of the model"
_CSV: dict[str, Any] = {  # Parquet does without
    "header": True,
    "escape": '"',
    "emptyValue": "",
    "ignoreLeadingWhiteSpace": False,
    "ignoreTrailingWhiteSpace": False,
}
_COLUMNS_OF = {
    "interval": ("revenue_low", "revenue_high"),
    "payer_probability": ("payer_probability",),
}


def score(session: Any, data: Path, out: Path, model: str, params: Mapping[str, bool]) -> int:
    """Write the table `data` with the predictions of `model` to the folder `out`.

    Returns its rows. `data` and `out` must be on a file system that all machines of the
    session share. Raises `TableError` for what is wrong in `data`, else `CommandError`.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise CommandError(f"{out}: its name must end in {' or '.join(SUFFIXES)}.")
    if data.exists() and out.exists() and out.samefile(data):
        raise CommandError(f"{out}: is the data itself; choose another name.")
    os.environ.pop("REVENUE_PREDICTION_LOG", None)  # a batch answers nobody
    scored = _scored(session, data, model, params)
    kind = out.suffix.lower().removeprefix(".")
    with partial_path(out) as part:
        uri = part.absolute().as_uri()
        with translate_errors(data):
            scored.write.mode("overwrite").format(kind).options(**_CSV).save(uri)
            rows = session.read.format(kind).options(**_CSV).load(uri).count()
        if not rows:
            raise TableError(f"{data}: has a header but no rows.")
    return int(rows)


def _scored(session: Any, data: Path, model: str, params: Mapping[str, bool]) -> Any:
    from pyspark.sql import functions as sql

    table = open_table(session, data)
    try:
        folder = mlflow.artifacts.download_artifacts(model)
        signature = Model.load(folder).signature
    except OSError as error:
        raise CommandError(f"{model}: no model ({error.strerror or error}).") from None
    if signature is None or not signature.inputs.has_input_names():
        raise CommandError(f"{model}: has no signature of columns; is it a revenue model?")
    is_number = {c.name: c.type == DataType.double for c in signature.inputs if c.required}
    if absent := [name for name in is_number if name not in table.columns]:
        raise TableError(
            f"{data}: column {', '.join(map(repr, absent))} is missing; "
            f"found {', '.join(table.columns[:30])}."
        )
    names = ["predicted_revenue", *(n for param in params for n in _COLUMNS_OF[param])]
    if known := [name for name in names if name in table.columns]:
        raise TableError(f"{data}: has a column '{known[0]}' already; rename or drop it.")
    typed = {
        name: _number(sql, name) if number else as_text(table, name)
        for name, number in is_number.items()
    }
    table = table.withColumns(typed)
    predict = mlflow.pyfunc.spark_udf(
        session,
        folder,
        result_type=", ".join(f"{name} double" for name in names),
        env_manager="local",
        params=dict(params),
    )
    columns = [sql.col(f"`{name}`") for name in is_number]
    answered = table.withColumn(_ANSWER, predict(sql.struct(*columns)))
    answers = [sql.col(f"`{_ANSWER}`.{name}").alias(name) for name in names]
    return answered.select(*(sql.col(f"`{name}`") for name in table.columns), *answers)


def _number(sql: Any, name: str) -> Any:
    """The column as double; what is no number stops the job and is named."""
    column = sql.col(f"`{name}`")
    said = sql.concat(
        sql.lit(f"column '{name}': expected a number, got '"),
        column.cast("string"),
        sql.lit("'. Correct it or leave it empty."),
    )
    return sql.coalesce(
        column.try_cast("double"), sql.when(column.isNotNull(), sql.raise_error(said))
    )
