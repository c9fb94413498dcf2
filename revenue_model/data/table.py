"""A table of installs, read from a CSV or Parquet file and checked value by value."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from revenue_model.errors import TableError, first_line
from revenue_model.model.schema import Column, Schema


def read_table(path: str | Path, schema: Schema, *, labelled: bool) -> pd.DataFrame:
    """Read a CSV or Parquet table of installs and check every value.

    Returns the schema's columns in its order: text as str or None, numbers as float64
    with NaN for missing, times as datetime64[ns] in UTC without zone. Only an empty CSV
    field is missing: ``na`` is Namibia. Columns that the schema does not name are left
    out; absent id and time columns are allowed. With `labelled` the target must be there.

    Raises `TableError` naming file, column and first offending row.
    """
    path = Path(path)
    if is_parquet(path):
        table = to_frame(_read_parquet(path), schema, path)
    elif path.suffix.lower() == ".parquet":
        raise TableError(f"{path}: is no Parquet file; write it again or name it .csv.")
    else:
        table = _read_csv(path)
    return check_table(table, schema, labelled=labelled, path=path)


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does. Raises `TableError` when it holds no table."""
    if path.is_dir():
        raise TableError(f"{path}: is a directory; give one CSV or Parquet file.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}).") from None
    if not magic:
        raise TableError(f"{path}: is empty; expected a header line and one row an install.")
    return magic == b"PAR1"


def to_frame(table: pa.Table, schema: Schema, path: Path) -> pd.DataFrame:
    """Of the table at `path`, or a part of it, all columns: what pandas took as index too."""
    texts = {column.name for column in schema.columns if column.role in ("categorical", "id")}
    for place, name in enumerate(table.column_names):
        if name in texts:
            values = as_texts(table.column(place), f"{path}: column '{name}'")
            table = table.set_column(place, name, values)
    return table.to_pandas(ignore_metadata=True)


def as_texts(values: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Categories and ids as text, whole numbers in all their digits and 14.0 as "14".

    Pandas would take whole numbers for floats where one is missing.
    """
    try:
        return pc.cast(values, pa.string())
    except pa.ArrowException:
        raise TableError(f"{where}: expected text, its type is {values.type}.") from None


def check_table(
    table: pd.DataFrame,
    schema: Schema,
    *,
    labelled: bool,
    path: Path | None = None,
    rows_before: int = 0,
) -> pd.DataFrame:
    """Bring `table` to the types `read_table` promises, or raise `TableError`.

    It may be a part of the table at `path`, where `rows_before` rows came before.
    """
    where = path or "table"
    wanted = [column for column in schema.columns if labelled or column.role != "target"]
    optional = ("id", "time")
    missing = [c.name for c in wanted if c.name not in table and c.role not in optional]
    if missing:
        raise TableError(
            f"{where}: column {', '.join(map(repr, missing))} is missing; "
            f"found {', '.join(map(str, table.columns[:30]))}. "
            "Rename the columns or describe yours in a schema file."
        )
    if table.empty:
        raise TableError(f"{where}: has a header but no rows.")
    checked = {}
    for column in wanted:
        if column.name not in table:
            continue
        values = table[column.name]
        at = Locator(path, column.name, rows_before)
        if column.is_number:
            checked[column.name] = _numbers(values, column, at)
        elif column.role == "time":
            checked[column.name] = _times(values, at)
        else:
            checked[column.name] = _texts(values, at)
        if labelled and column.role == "id":
            check_unique(checked[column.name], at)
    return pd.DataFrame(checked)


@dataclass(frozen=True)
class Locator:
    """Where a value stands, for messages."""

    path: Path | None
    column: str
    rows_before: int = 0  # rows of the file before those looked at

    def error(self, position: int, expected: str, got: object, remedy: str) -> TableError:
        got = got.item() if isinstance(got, np.generic) else got
        return TableError(
            f"{self.path or 'table'}: column '{self.column}', {self.row(position)}: "
            f"expected {expected}, got {got!r}. {remedy}"
        )

    def row(self, position: int) -> str:
        """Name a row: by its 1-based line in a CSV file, else by its 1-based number."""
        position += self.rows_before
        if self.path is None or self.path.is_dir() or is_parquet(self.path):
            return f"row {position + 1}"
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            records = (record for record in reader if record)
            start = 1
            for index, _ in enumerate(records):
                if index == position + 1:
                    return f"line {start}"
                start = reader.line_num + 1
        return f"row {position + 1}"


def _first(mask: pd.Series) -> int | None:
    positions = np.flatnonzero(mask.to_numpy())
    return int(positions[0]) if len(positions) else None


def _numbers(values: pd.Series, column: Column, at: Locator) -> pd.Series:
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
        bad = _first(numbers.isna() & values.notna())
        if bad is not None:
            raise at.error(bad, "a number", values.iloc[bad], "Correct it or leave it empty.")
    elif pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        raise at.error(0, "a number", values.iloc[0], f"The column has type {values.dtype}.")
    else:
        numbers = values.astype(np.float64)
    required = column.role == "target"
    if required and (bad := _first(numbers.isna())) is not None:
        raise at.error(bad, "a revenue", "nothing", "Remove installs whose revenue is unknown.")
    if (bad := _first(pd.Series(np.isinf(numbers)))) is not None:
        raise at.error(bad, "a finite number", numbers.iloc[bad], "Correct or remove the row.")
    if column.role != "numeric" and (bad := _first(numbers < 0)) is not None:
        raise at.error(
            bad, "a number of 0 or more", numbers.iloc[bad], "Correct or remove the row."
        )
    return numbers


def _times(values: pd.Series, at: Locator) -> pd.Series:
    try:
        times = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    except (TypeError, ValueError):
        times = pd.Series(pd.NaT, index=values.index).dt.tz_localize("UTC")
    bad = _first(times.isna() & values.notna())
    if bad is not None:
        raise at.error(bad, "a time as 2026-01-31T12:00:00Z", values.iloc[bad], "Correct it.")
    return times.dt.tz_localize(None).astype("datetime64[ns]")


def _texts(values: pd.Series, at: Locator) -> pd.Series:
    texts = values.astype(object).where(values.notna() & (values != ""), None)
    if values.dtype != object:
        return texts.map(str, na_action="ignore")
    is_text = texts.map(lambda value: value is None or isinstance(value, str))
    bad = _first(~is_text.astype(bool))
    if bad is not None:
        raise at.error(bad, "text", texts.iloc[bad], "Write the column as text.")
    return texts


def check_unique(ids: pd.Series, at: Locator) -> None:
    bad = _first(ids.duplicated() & ids.notna())
    if bad is not None:
        first = _first(ids == ids.iloc[bad]) or 0
        raise at.error(
            bad,
            "every install once",
            f"{ids.iloc[bad]} again, first in {at.row(first)}",
            "Remove the duplicate.",
        )


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path}: is no CSV in UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise TableError(f"{path}: is no CSV table: {reason}.") from None
    # Where the first row has too many fields, pandas takes those it begins with for an index.
    if len(table) and not isinstance(table.index, pd.RangeIndex):
        expected, line = len(table.columns), Locator(path, "").row(0)
        raise TableError(
            f"{path}: is no CSV table: Expected {expected} fields in {line}, "
            f"saw {expected + table.index.nlevels}."
        )
    return table


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{path}: is a damaged Parquet file; write it again ({first_line(error)})."
        ) from None
