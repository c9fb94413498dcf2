"""What an install is: its columns, their roles and units, and how a table is read.

The default schema is ``installs.toml`` beside this file; a studio with other columns
passes a file of its own. Every error of this module is a `TableError` or a
`SchemaError`, one line for a person.
"""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, TensorSpec
from mlflow.types import Schema as MlflowSchema

Role = Literal["categorical", "event", "numeric", "id", "time", "target"]
DEFAULT_SCHEMA = Path(__file__).with_name("installs.toml")
SCHEMA_FILE = "schema.json"  # its name inside the registered model


class SchemaError(ValueError):
    """A schema file is wrong; the message names the file and the key."""


class TableError(ValueError):
    """A table does not fit its schema; the message names file, column and first row."""


@dataclass(frozen=True)
class Column:
    """One column of the table.

    `default` is what a missing value becomes; without it a missing category is a
    category of its own and a missing number stays missing. `segment` marks a
    categorical column by which money is reported and the prediction log is grouped.
    """

    name: str
    role: Role
    description: str = ""
    unit: str = ""
    default: str | float | None = None
    segment: bool = False

    @property
    def is_number(self) -> bool:
        return self.role in ("event", "numeric", "target")


@dataclass(frozen=True)
class Schema:
    """The columns of a table in their order, each with one role.

    Examples
    --------
    >>> schema = Schema.read(DEFAULT_SCHEMA)
    >>> schema.events, schema.target.name
    (('event_1', 'event_2', 'event_3'), 'revenue')
    >>> schema.segments
    ('country', 'source', 'platform')
    """

    columns: tuple[Column, ...]

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a TOML schema file; `SchemaError` names the file and the key at fault."""
        path = Path(path)
        try:
            roles = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SchemaError(f"{path}: cannot be read ({error.strerror}).") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SchemaError(f"{path}: is no valid TOML file: {error}.") from None
        return cls(tuple(_columns(path, roles)))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(tuple(Column(**column) for column in json.loads(text)))

    def to_json(self) -> str:
        return json.dumps([asdict(column) for column in self.columns], indent=1)

    def names(self, role: Role) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.role == role)

    @property
    def categoricals(self) -> tuple[str, ...]:
        return self.names("categorical")

    @property
    def events(self) -> tuple[str, ...]:
        return self.names("event")

    @property
    def numerics(self) -> tuple[str, ...]:
        return self.names("numeric")

    @property
    def features(self) -> tuple[str, ...]:
        """The columns a model sees: categorical, event and numeric."""
        return self.categoricals + self.events + self.numerics

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.segment)

    @property
    def id(self) -> str | None:
        return next(iter(self.names("id")), None)

    @property
    def time(self) -> str | None:
        return next(iter(self.names("time")), None)

    @property
    def target(self) -> Column:
        return next(column for column in self.columns if column.role == "target")

    def signature(self) -> ModelSignature:
        """The MLflow signature: one column each, in the schema's order.

        Feature columns must be there, their values may be missing; id and time may be
        absent. The time is a string in ISO 8601, since the scoring server's CSV parser
        takes no timestamps.
        """
        inputs: list[ColSpec | TensorSpec] = [
            ColSpec(
                DataType.double if column.is_number else DataType.string,
                column.name,
                required=column.role not in ("id", "time"),
            )
            for column in self.columns
            if column.role != "target"
        ]
        params = [
            ParamSpec("interval", DataType.boolean, False),
            ParamSpec("payer_probability", DataType.boolean, False),
            ParamSpec("explain", DataType.boolean, False),
            ParamSpec("request_id", DataType.string, ""),
        ]
        return ModelSignature(
            MlflowSchema(inputs),
            MlflowSchema([ColSpec(DataType.double, "predicted_revenue")]),
            ParamSchema(params),
        )


_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "description": str,
    "unit": str,
    "default": (str, int, float),
    "segment": bool,
}


def _columns(path: Path, roles: dict[str, Any]) -> list[Column]:
    columns: dict[str, Column] = {}
    for role, tables in roles.items():
        if role not in get_args(Role):
            expected = ", ".join(get_args(Role))
            raise SchemaError(f"{path}: unknown role '{role}'; expected one of {expected}.")
        if not isinstance(tables, dict):
            raise SchemaError(f"{path}: '{role}' must be tables as [{role}.COLUMN].")
        for name, keys in tables.items():
            if name in columns:
                raise SchemaError(
                    f"{path}: column '{name}' has two roles, {columns[name].role} and {role}; "
                    "remove one of them."
                )
            columns[name] = _column(path, role, name, keys)
    for role, most in (("target", 1), ("id", 1), ("time", 1)):
        found = [column.name for column in columns.values() if column.role == role]
        if len(found) > most:
            raise SchemaError(
                f"{path}: role '{role}' has {len(found)} columns {found}, not one."
            )
    if not any(column.role == "target" for column in columns.values()):
        raise SchemaError(f"{path}: no column has the role 'target'; add [target.COLUMN].")
    if not any(
        column.role in ("categorical", "event", "numeric") for column in columns.values()
    ):
        raise SchemaError(f"{path}: no features; add [categorical.COLUMN] or [event.COLUMN].")
    return list(columns.values())


def _column(path: Path, role: str, name: str, keys: Any) -> Column:
    where = f"{path}: [{role}.{name}]"
    if not isinstance(keys, dict):
        raise SchemaError(f"{where} must be a table, got {keys!r}.")
    for key, value in keys.items():
        if key not in _KEYS:
            raise SchemaError(
                f"{where} has the unknown key '{key}'; known are {', '.join(_KEYS)}."
            )
        if not isinstance(value, _KEYS[key]) or (key == "default" and isinstance(value, bool)):
            raise SchemaError(f"{where}: '{key}' has the wrong type, got {value!r}.")
    column = Column(name=name, role=role, **keys)  # type: ignore[arg-type]
    if name == "base" and role in ("categorical", "event", "numeric"):
        raise SchemaError(
            f"{where}: a feature cannot be called 'base': an explanation's contribution_base "
            "is what no feature says. Rename it."
        )
    if column.segment and role != "categorical":
        raise SchemaError(f"{where}: 'segment' is for categorical columns only.")
    if column.default is not None:
        expected: type | tuple[type, ...] = str if role == "categorical" else (int, float)
        if role not in ("categorical", "event", "numeric"):
            raise SchemaError(f"{where}: 'default' is for feature columns only.")
        if not isinstance(column.default, expected):
            kind = "text" if role == "categorical" else "a number"
            raise SchemaError(f"{where}: 'default' must be {kind}, got {column.default!r}.")
        if not isinstance(column.default, str):
            least = 0.0 if role == "event" else -sys.float_info.max
            if not least <= column.default <= sys.float_info.max:
                kind = "a number of 0 or more" if role == "event" else "a finite number"
                raise SchemaError(f"{where}: 'default' must be {kind}, got {column.default!r}.")
    return column


def read_table(path: str | Path, schema: Schema, *, labelled: bool) -> pd.DataFrame:
    """Read a CSV or Parquet table of installs and check every value.

    Returns the schema's columns in its order: text as str or None, numbers as float64
    with NaN for missing, times as datetime64[ns] in UTC without zone. Only an empty CSV
    field is missing: ``na`` is Namibia. Columns that the schema does not name are left
    out; absent id and time columns are allowed. With `labelled` the target must be there.

    Raises `TableError` naming file, column and first offending row.
    """
    path = Path(path)
    if path.is_dir():
        raise TableError(f"{path}: is a directory; give one CSV or Parquet file.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}).") from None
    if not magic:
        raise TableError(f"{path}: is empty; expected a header line and one row an install.")
    parquet = magic == b"PAR1"
    if not parquet and path.suffix.lower() == ".parquet":
        raise TableError(f"{path}: is no Parquet file; write it again or name it .csv.")
    table = to_frame(_read_parquet(path), schema, path) if parquet else _read_csv(path)
    return check_table(table, schema, labelled=labelled, path=path)


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
    done: int = 0,
) -> pd.DataFrame:
    """Bring `table` to the types `read_table` promises, or raise `TableError`.

    It may be a part of the table at `path`, whose first `done` rows came before.
    """
    where = "table" if path is None else str(path)
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
        at = Locator(where, path, column.name, done)
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

    where: str
    path: Path | None
    column: str
    done: int = 0  # rows of the file before those looked at

    def error(self, position: int, expected: str, got: object, remedy: str) -> TableError:
        got = got.item() if isinstance(got, np.generic) else got
        return TableError(
            f"{self.where}: column '{self.column}', {self.row(position)}: expected {expected}, "
            f"got {got!r}. {remedy}"
        )

    def row(self, position: int) -> str:
        """Name a row: by its 1-based line in a CSV file, else by its 1-based number."""
        position += self.done
        if self.path is None or self.path.is_dir() or self.path.read_bytes()[:4] == b"PAR1":
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
        expected, line = len(table.columns), Locator(str(path), path, "").row(0)
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
            f"{path}: is a damaged Parquet file; write it again ({_line(error)})."
        ) from None


def _line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200]
