"""What an install is: its columns, their roles and units.

The default schema is ``installs.toml`` beside this file; a studio with other columns
passes a file of its own. Every error of this module is a `SchemaError`, one line for a person.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, TensorSpec
from mlflow.types import Schema as MlflowSchema

from revenue_model.prediction_log.journal import LoggedColumns

Role = Literal["categorical", "event", "numeric", "id", "time", "target"]
DEFAULT_SCHEMA = Path(__file__).with_name("installs.toml")
SCHEMA_FILE = "schema.json"  # its name inside the registered model
OPTIONS = ("interval", "payer_probability", "explain")  # params that ask for more outputs
_FEATURES = ("categorical", "event", "numeric")


class SchemaError(ValueError):
    """A schema file is wrong; the message names the file and the key."""


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

    def logged_columns(self) -> LoggedColumns:
        """Those of a request that go to the prediction log: all but the target."""
        inputs = (c.name for c in self.columns if c.role not in ("target", "id"))
        return LoggedColumns(tuple(inputs), self.id, self.segments)

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
            *(ParamSpec(name, DataType.boolean, False) for name in OPTIONS),
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
    for role in ("target", "id", "time"):
        found = [column.name for column in columns.values() if column.role == role]
        if len(found) > 1:
            raise SchemaError(f"{path}: role '{role}' has {len(found)} columns {found}, not one.")
    found_roles = {column.role for column in columns.values()}
    if "target" not in found_roles:
        raise SchemaError(f"{path}: no column has the role 'target'; add [target.COLUMN].")
    if not found_roles.intersection(_FEATURES):
        raise SchemaError(f"{path}: no features; add [categorical.COLUMN] or [event.COLUMN].")
    return list(columns.values())


def _column(path: Path, role: str, name: str, keys: Any) -> Column:
    where = f"{path}: [{role}.{name}]"
    if not isinstance(keys, dict):
        raise SchemaError(f"{where} must be a table, got {keys!r}.")
    for key, value in keys.items():
        if key not in _KEYS:
            raise SchemaError(f"{where} has the unknown key '{key}'; known are {', '.join(_KEYS)}.")
        if not isinstance(value, _KEYS[key]) or (key == "default" and isinstance(value, bool)):
            raise SchemaError(f"{where}: '{key}' has the wrong type, got {value!r}.")
    column = Column(name=name, role=role, **keys)  # type: ignore[arg-type]
    if name == "base" and role in _FEATURES:
        raise SchemaError(
            f"{where}: a feature cannot be called 'base': an explanation's contribution_base "
            "is what comes from no feature. Rename it."
        )
    if column.segment and role != "categorical":
        raise SchemaError(f"{where}: 'segment' is for categorical columns only.")
    if column.default is not None:
        expected: type | tuple[type, ...] = str if role == "categorical" else (int, float)
        if role not in _FEATURES:
            raise SchemaError(f"{where}: 'default' is for feature columns only.")
        if not isinstance(column.default, expected):
            kind = "text" if role == "categorical" else "a number"
            raise SchemaError(f"{where}: 'default' must be {kind}, got {column.default!r}.")
        if not isinstance(column.default, str):
            lowest = 0.0 if role == "event" else -sys.float_info.max
            if not lowest <= column.default <= sys.float_info.max:
                kind = "a number of 0 or more" if role == "event" else "a finite number"
                raise SchemaError(f"{where}: 'default' must be {kind}, got {column.default!r}.")
    return column
