"""Score a table of installs of any size: the entry point `score`.

The table goes through the registered model chunk by chunk, so memory does not grow with it,
and comes out with the model's columns beside its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel
from mlflow.types import DataType
from tqdm import tqdm

from revenue_model.commands.entry_point import Parameters, run_command
from revenue_model.data.chunked import Reader, writing
from revenue_model.data.table import as_texts
from revenue_model.errors import CommandError, TableError
from revenue_model.own_code import load_with_own_code
from revenue_model.registry.aliases import CHAMPION, MODEL_NAME
from revenue_model.spark import score as score_spark
from revenue_model.spark import session as spark


@dataclass(frozen=True)
class ScoreParameters:
    """What is scored, by which model, and where it goes."""

    data: str = ""  # installs, CSV or Parquet
    out: str = ""  # what is written, .csv or .parquet
    model: str = f"models:/{MODEL_NAME}@{CHAMPION}"
    interval: bool = False
    payer_probability: bool = False
    engine: Literal["local", "spark"] = "local"
    master: str = "local[*]"  # Spark's address, or local[CORES]


PARAMETERS = (ScoreParameters,)


def main(arguments: Sequence[str]) -> None:
    given = Parameters(arguments, *PARAMETERS).make(ScoreParameters)
    for name in ("data", "out"):
        if not getattr(given, name):
            raise CommandError(f"no {name}: give -P {name}=PATH.")
    extras = ("interval", "payer_probability")
    params = {name: True for name in extras if getattr(given, name)}
    start = time.monotonic()
    job = Path(given.data), Path(given.out), given.model, params
    if given.engine == "spark":
        with spark.session(given.master) as session:
            rows = score_spark.score(session, *job)
    else:
        rows = score(*job)
    took = time.monotonic() - start
    print(f"Scored {rows:,} installs by {given.model} into {given.out} in {took:.1f} s.")


def score(data: Path, out: Path, model: str, params: Mapping[str, bool]) -> int:
    """Write the table `data` with the predictions of `model` to `out`; returns its rows.

    The columns of `data` are kept: those that the model asks for as the numbers or texts
    that it saw, the others as they are, which in a CSV is text. After a failure, what stood
    at `out` before stands there still. Raises `TableError` for what is wrong in `data` and
    `CommandError` for all else, with the row that was reached.
    """
    if data.exists() and out.exists() and out.samefile(data):
        raise CommandError(f"{out}: is the data itself; choose another name.")
    scorer = Scorer.load(model, params)
    reader = Reader(data)
    done = 0
    with (
        writing(out) as write,
        tqdm(desc="Score", unit="installs", unit_scale=True, disable=None) as bar,
    ):
        for chunk in reader:
            write(scorer.score(chunk, data, done))
            done = reader.rows
            bar.total = round(done / reader.share)
            bar.update(len(chunk))
    return done


@dataclass(frozen=True)
class Scorer:
    """A loaded model, what it asks for, and the params it is given."""

    loaded: PyFuncModel
    is_number: Mapping[str, bool]  # by column that must be there
    params: Mapping[str, bool]

    @classmethod
    def load(cls, uri: str, params: Mapping[str, bool]) -> Self:
        try:
            loaded = load_with_own_code(uri)
        except OSError as error:
            raise CommandError(f"{uri}: no model ({error.strerror or error}).") from None
        inputs = loaded.metadata.get_input_schema()  # type: ignore[no-untyped-call]
        if inputs is None or not inputs.has_input_names():
            raise CommandError(f"{uri}: has no signature of columns; is it a revenue model?")
        # The columns that may be absent, id and time, are for the prediction log alone.
        is_number = {c.name: c.type == DataType.double for c in inputs if c.required}
        return cls(loaded, is_number, params)

    def score(self, chunk: pa.Table, data: Path, done: int) -> pa.Table:
        """`chunk`, which comes after `done` rows of `data`, with the model's columns."""
        if absent := [name for name in self.is_number if name not in chunk.column_names]:
            raise TableError(
                f"{data}: column {', '.join(map(repr, absent))} is missing; "
                f"found {', '.join(chunk.column_names[:30])}."
            )
        chunk = chunk.replace_schema_metadata()  # pandas's types, which the numbers lose here
        for name, is_number in self.is_number.items():
            at = chunk.column_names.index(name)
            where = f"{data}: column '{name}'"
            values = chunk.column(at)
            values = _numbers(values, where, done) if is_number else as_texts(values, where)
            chunk = chunk.set_column(at, name, values)
        inputs = chunk.select(list(self.is_number)).to_pandas()
        try:
            answer = pd.DataFrame(self.loaded.predict(inputs, params=dict(self.params)))
        except MlflowException as error:
            message = re.sub(r"\brow (\d+)", lambda m: _row(int(m[1]), done), error.message)
            raise TableError(f"{data}: {message}") from None
        for name in answer:
            if name in chunk.column_names:
                raise TableError(f"{data}: has a column '{name}' already; rename or drop it.")
            chunk = chunk.append_column(name, pa.array(answer[name]))
        return chunk


def _row(number: int, done: int) -> str:
    return f"row {number + done:,}"


def _numbers(values: pa.ChunkedArray, where: str, done: int) -> pa.ChunkedArray:
    if pa.types.is_boolean(values.type) or pa.types.is_temporal(values.type):
        raise TableError(f"{where}: expected numbers, its type is {values.type}.")
    try:
        return pc.cast(values, pa.float64(), safe=False)
    except pa.ArrowException:
        pass  # spaces around a number, which pandas strips, or no number
    texts = values.to_pandas().astype(object)
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    bad = (numbers.isna() & texts.notna()).to_numpy()
    if bad.any():
        row = int(bad.argmax())
        raise TableError(
            f"{where}, {_row(row + 1, done)}: expected a number, got {texts[row]!r}. "
            "Correct it or leave it empty."
        )
    return pa.chunked_array([pa.array(numbers, from_pandas=True)])


if __name__ == "__main__":
    run_command(main)
