"""Judge a registered model on labelled installs, beside another one: the entry point
`evaluate`.

Installs that a model was trained on are left out, and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import mlflow
import numpy as np
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas

from revenue_model.commands.entry_point import Parameters, run_command
from revenue_model.data.table import check_table, read_table
from revenue_model.errors import CommandError, TableError
from revenue_model.evaluation import report
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.promotion_test import Limits, Verdict, judge
from revenue_model.model.schema import Schema
from revenue_model.registry.aliases import CHALLENGER, MODEL_NAME
from revenue_model.registry.downloaded import DownloadedModel, downloaded
from revenue_model.registry.training_hashes import seen_in_training

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluateParameters:
    """Which model is judged, and by which installs."""

    data: str = ""  # labelled installs, CSV or Parquet
    model: str = f"models:/{MODEL_NAME}@{CHALLENGER}"
    against: str = ""  # another model, the one to replace


PARAMETERS = (EvaluateParameters, Limits)


def main(arguments: Sequence[str]) -> None:
    parameters = Parameters(arguments, *PARAMETERS)
    given, limits = parameters.make(EvaluateParameters), parameters.make(Limits)
    uris = [uri for uri in (given.against, given.model) if uri]
    with ExitStack() as stack:
        models = [stack.enter_context(downloaded(uri)) for uri in uris]
        with mlflow.start_run():
            judged = judge_unseen(LabelledInstalls(given.data), models)
            print(report.summary(judged.log()))
            report.log_figures(judged.forecasts[-1], limits.seed)
            if given.against:
                champion, challenger = judged.forecasts
                verdict = judge(champion, challenger, limits)
                log_verdict(verdict)
                print(verdict.text())


@dataclass(frozen=True)
class LabelledInstalls:
    """Labelled installs to judge by."""

    source: str  # a file, or where those in memory are from
    in_memory: pd.DataFrame | None = None

    def table(self, schema: Schema) -> pd.DataFrame:
        """In the types of `schema`. Raises `TableError` where they do not fit it."""
        if self.in_memory is not None:
            return check_table(self.in_memory, schema, labelled=True)
        if not self.source:
            raise TableError("no data: give -P data=PATH, a table of labelled installs.")
        return read_table(self.source, schema, labelled=True)


@dataclass(frozen=True)
class Judged:
    """What models say of the same labelled installs; the last of them is the one judged."""

    source: str
    table: pd.DataFrame  # as the model that is judged reads it
    target: str
    forecasts: tuple[Forecast, ...]  # by model

    def log(self) -> dict[str, float]:
        """Log data and metrics of the judged model to the active run."""
        dataset = from_pandas(self.table, source=self.source, targets=self.target)
        mlflow.log_input(dataset, context="evaluation")
        return report.log_metrics(self.forecasts[-1])


def judge_unseen(installs: LabelledInstalls, models: Sequence[DownloadedModel]) -> Judged:
    """Have `models` predict the installs that none of them has learned from."""
    schemas = dict.fromkeys(model.schema for model in models)
    read = {schema: installs.table(schema) for schema in schemas}
    tables = [read[model.schema] for model in models]
    known = np.zeros(len(tables[0]), bool)
    for model, table in zip(models, tables, strict=True):
        seen = seen_in_training(table, model.schema, model.run_id)
        if seen.any():
            text = "%d of %d installs are left out: %s was trained on them."
            _log.info(text, seen.sum(), len(seen), model.uri)
        known |= seen
    if known.all():
        raise CommandError(
            f"{installs.source}: every install is one that a model was trained on. Give others."
        )
    tables = [table[~known].reset_index(drop=True) for table in tables]
    schema, table = models[-1].schema, tables[-1]
    forecasts = tuple(
        Forecast.of(table, schema, model.predict(its_table), model.level)
        for model, its_table in zip(models, tables, strict=True)
    )
    return Judged(installs.source, table, schema.target.name, forecasts)


def log_verdict(verdict: Verdict) -> None:
    """Log the figures and the table of a comparison to the active run."""
    mlflow.log_metrics(verdict.figures())
    mlflow.log_table(verdict.table, "gate.json")
    mlflow.set_tag("gate", verdict.outcome)


if __name__ == "__main__":
    run_command(main)
