"""Compare models out of fold on the same installs: the entry point `compare`.

The test part of the table is left for the model that is chosen.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas

from revenue_model.commands.entry_point import Parameters, log_parameters, run_command
from revenue_model.data.split import split
from revenue_model.data.table import read_table
from revenue_model.errors import TableError
from revenue_model.evaluation.comparison import (
    CRITERION,
    ComparisonSettings,
    compare,
    log_comparison,
)
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema
from revenue_model.training.settings import TrainingSettings

_SHOWN = (CRITERION, "gini", "mae", "rmse", "r2", "spearman", "total_bias")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompareParameters:
    """Which installs are compared on."""

    data: str = ""  # labelled installs, CSV or Parquet
    schema: str = str(DEFAULT_SCHEMA)


PARAMETERS = (CompareParameters, ComparisonSettings, TrainingSettings)


def main(arguments: Sequence[str]) -> None:
    parameters = Parameters(arguments, *PARAMETERS)
    given, plan = parameters.make(CompareParameters), parameters.make(ComparisonSettings)
    settings = parameters.make(TrainingSettings)
    if not given.data:
        raise TableError("no data: give -P data=PATH, a CSV or Parquet table of installs.")
    schema = Schema.read(given.schema)
    parts = split(read_table(given.data, schema, labelled=True), schema, settings.seed)
    table = pd.concat([parts["train"], parts["validation"]], ignore_index=True)
    logging.getLogger("revenue_model.model").setLevel(logging.ERROR)  # or each fit warns again
    _log.info("Comparing on %d installs of %s.", len(table), Path(given.data).name)
    with mlflow.start_run():
        log_parameters(given, plan, settings)
        source = from_pandas(table, source=given.data, targets=schema.target.name)
        mlflow.log_input(source, context="train and validation")
        comparison = compare(table, schema, settings, plan)
        log_comparison(comparison)
    board = comparison.leaderboard()
    print(board[[name for name in _SHOWN if name in board]].to_string(float_format="%.4g"))
    print(f"Best out of fold: {comparison.best.name}.")


if __name__ == "__main__":
    run_command(main)
