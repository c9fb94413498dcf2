"""Spark, an extra: a session, tables read by it, and its errors as one line for a person."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from revenue_model.data.chunked import join_chunks
from revenue_model.errors import CommandError, TableError, first_line
from revenue_model.model.schema import Schema

_CHUNK_ROWS = 65_536
_NO_PYSPARK = (
    "-P engine=spark needs PySpark: install it by `scripts/setup --extra spark` or "
    "`pip install 'revenue-model[spark]'`."
)
_NO_JAVA = (
    "-P engine=spark needs Java 17 or newer: install it (Debian: openjdk-17-jre-headless) or "
    "set JAVA_HOME."
)
# The part of Spark's long errors that comes from our expressions or the model.
_REASONS = (
    re.compile(r"MlflowException: (?P<reason>Column '.*)"),
    re.compile(r"\[USER_RAISED_EXCEPTION\] (?P<reason>.*?)(?: SQLSTATE: \w+)?$", re.MULTILINE),
    re.compile(r"Caused by: [\w.$]+: (?P<reason>.*MALFORMED.*)"),
)


@contextmanager
def session(master: str) -> Iterator[Any]:
    """A `SparkSession` at `master`, such as ``local[2]`` or ``spark://host:7077``.

    Raises `CommandError` with what to install where PySpark or Java is missing.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise CommandError(_NO_PYSPARK) from None
    java = shutil.which(str(Path(os.environ.get("JAVA_HOME", ""), "bin", "java")))
    if not java and not shutil.which("java"):
        raise CommandError(_NO_JAVA)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the model's packages are here
    try:
        spark = (
            SparkSession.builder.master(master)
            .appName("revenue-model")
            .config("spark.sql.execution.arrow.pyspark.enabled", True)
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.ui.showConsoleProgress", sys.stderr.isatty())
            .getOrCreate()
        )
    except (PySparkException, OSError) as error:
        raise CommandError(
            f"Spark does not start at '{master}' ({first_line(error)}). {_NO_JAVA}"
        ) from None
    spark.sparkContext.setLogLevel("OFF")  # an error is reported once, below
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)  # logs every booster
    try:
        yield spark
    finally:
        spark.stop()


def open_table(spark: Any, data: Path) -> Any:
    """The table at `data`, a CSV or Parquet file or a folder of such, as a Spark DataFrame.

    In a CSV every column is text and only an empty field is missing, as everywhere here.
    """
    if not data.exists():
        raise TableError(f"{data}: cannot be read (No such file or directory).")
    with translate_errors(data):
        if data.suffix.lower() == ".csv":
            options = {"header": True, "escape": '"', "mode": "FAILFAST"}
            table = spark.read.csv(data.absolute().as_uri(), **options)
        else:
            table = spark.read.parquet(data.absolute().as_uri())
    if twice := sorted({name for name in table.columns if table.columns.count(name) > 1}):
        raise TableError(f"{data}: column '{twice[0]}' is there twice; rename one.")
    return table


def as_text(table: Any, name: str) -> Any:
    """A column of `table` as text, a whole number as "14", which Spark calls 14.0."""
    from pyspark.sql import functions as sql

    column = sql.col(f"`{name}`")
    text = column.cast("string")
    if table.schema[name].dataType.simpleString() not in ("float", "double"):
        return text
    whole = (sql.abs(column) < 2**53) & (column % 1 == 0)
    return sql.when(whole, column.cast("bigint").cast("string")).otherwise(text)


def read_spark(session: Any, path: str | Path, schema: Schema) -> pd.DataFrame:
    """What `read_compact` reads, of a CSV or Parquet file or of a folder of such.

    The workers send each text as the number of its category, so what arrives takes no more
    memory. Raises `TableError` naming file, column and first offending row, of a folder
    counted as Spark orders its files.
    """
    path = Path(path)
    table = open_table(session, path)
    table = table.select(*(f"`{c.name}`" for c in schema.columns if c.name in table.columns))
    texts = [name for name in schema.categoricals if name in table.columns]
    table = table.withColumns({name: as_text(table, name) for name in texts})
    types = {field.name: field.dataType.simpleString() for field in table.schema}
    types |= dict.fromkeys(texts, "int")
    encoded = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
    with translate_errors(path):
        categories = {
            name: table.select(f"`{name}`").distinct().toArrow()[name].combine_chunks()
            for name in texts
        }
        rows = table.mapInArrow(partial(_encode, categories), encoded).toArrow()
    if not len(rows):
        raise TableError(f"{path}: has a header but no rows.")
    chunks = (rows.slice(start, _CHUNK_ROWS) for start in range(0, len(rows), _CHUNK_ROWS))
    return join_chunks((_decoded(chunk, categories) for chunk in chunks), schema, path)


def _encode(
    categories: Mapping[str, pa.Array], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns = {name: batch[name] for name in batch.schema.names}
        for name, known in categories.items():
            columns[name] = pc.index_in(batch[name], known)
        yield pa.RecordBatch.from_pydict(columns)


def _decoded(chunk: pa.Table, categories: Mapping[str, pa.Array]) -> pa.Table:
    for name, known in categories.items():
        place = chunk.schema.get_field_index(name)
        chunk = chunk.set_column(place, name, known.take(chunk[name].combine_chunks()))
    return chunk


@contextmanager
def translate_errors(data: Path) -> Iterator[None]:
    """An error of Spark or of a worker in here becomes a `TableError` of `data`."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        found = next((match for pattern in _REASONS if (match := pattern.search(str(error)))), None)
        reason = re.sub(r", row \d+", "", found["reason"]) if found else first_line(error)
        raise TableError(f"{data}: {reason.strip()}") from None
