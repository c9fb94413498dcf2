"""Judge a registered model on labelled installs, beside another one: the entry point
`evaluate`.

Installs that a model was trained on are left out, and counted.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import mlflow
import numpy as np
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas

from revenue_model.commands.command import run_command
from revenue_model.data.table import read_table
from revenue_model.errors import CommandError, TableError
from revenue_model.evaluation import figures
from revenue_model.evaluation.metrics import evaluate
from revenue_model.evaluation.promotion_test import Limits, Verdict, judge
from revenue_model.model.arrays import Array
from revenue_model.registry.downloaded import DownloadedModel, downloaded
from revenue_model.registry.training_hashes import trained_on

_log = logging.getLogger(__name__)

_SHOWN = ("mae", "rmse", "r2", "gini", "spearman", "total_bias", "interval_coverage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="labelled installs, CSV or Parquet")
    parser.add_argument("--model", required=True, help="URI of the model that is judged")
    parser.add_argument("--against", required=True, help="URI of another; '' for none")
    parser.add_argument("--seed", type=int, required=True)
    Limits.add_to(parser)
    options = parser.parse_args()
    limits = Limits.of(options)
    uris = [uri for uri in (options.against, options.model) if uri]
    with ExitStack() as stack:
        models = [stack.enter_context(downloaded(uri)) for uri in uris]
        with mlflow.start_run():
            judged = judge_unseen(options.data, models, seed=options.seed)
            print(_line(judged.log()))
            judged.log_figures()
            if options.against:
                verdict = judged.compare(limits)
                log_verdict(verdict)
                print(verdict.text())


@dataclass(frozen=True)
class Judged:
    """What models say of the same labelled installs; the last of them is the one judged."""

    source: str
    model: DownloadedModel
    table: pd.DataFrame  # as the model reads it
    predicted: list[pd.DataFrame]  # by model
    seed: int

    @property
    def real(self) -> Array:
        return np.asarray(self.table[self.model.schema.target.name], np.float64)

    @property
    def segments(self) -> pd.DataFrame:
        return self.table[list(self.model.schema.segments)]

    def log(self) -> dict[str, float]:
        """Log data and metrics of the judged model to the active run."""
        target = self.model.schema.target
        dataset = from_pandas(self.table, source=self.source, targets=target.name)
        mlflow.log_input(dataset, context="evaluation")
        metrics = evaluate(
            self.real,
            self._of_model("predicted_revenue"),
            self.segments,
            payer_probability=self._of_model("payer_probability"),
            revenue_low=self._of_model("revenue_low"),
            revenue_high=self._of_model("revenue_high"),
        )
        mlflow.log_metrics(metrics)
        return metrics

    def log_figures(self) -> None:
        """Log the figures of the judged model to the active run."""
        drawn = figures.evaluation(
            self.real,
            self._of_model("predicted_revenue"),
            self.segments,
            unit=self.model.schema.target.unit or "USD",
            seed=self.seed,
            level=self.model.level,
            revenue_low=self._of_model("revenue_low"),
            revenue_high=self._of_model("revenue_high"),
        )
        for title, figure in drawn.items():
            mlflow.log_figure(figure, f"figures/{title}.png")

    def _of_model(self, output: str) -> Array:
        return np.asarray(self.predicted[-1][output], np.float64)

    def compare(self, limits: Limits) -> Verdict:
        """Whether the judged model may replace the one before it."""
        before, after = (each["predicted_revenue"].to_numpy() for each in self.predicted)
        return judge(self.real, before, after, self.segments, limits, seed=self.seed)


def judge_unseen(data: str, models: Sequence[DownloadedModel], *, seed: int) -> Judged:
    """Have `models` predict the installs of the file `data` that none has learned from."""
    tables = unseen(data, models)
    predicted = [model.predict(table) for model, table in zip(models, tables, strict=True)]
    return Judged(data, models[-1], tables[-1], predicted, seed)


def log_verdict(verdict: Verdict) -> None:
    """Log the figures and the table of a comparison to the active run."""
    mlflow.log_metrics(verdict.figures())
    mlflow.log_table(verdict.table, "gate.json")
    mlflow.set_tag("gate", verdict.outcome)


def _line(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {metrics[name]:.4g}" for name in _SHOWN if name in metrics) + "."


def unseen(data: str, models: Sequence[DownloadedModel]) -> list[pd.DataFrame]:
    """The labelled installs of the file `data` that none of `models` has learned from.

    The same ones for each model, as its own schema reads them.
    """
    if not data:
        raise TableError("no data: give -P data=PATH, a table of labelled installs.")
    tables = [read_table(data, model.schema, labelled=True) for model in models]
    known = np.zeros(len(tables[0]), bool)
    for model, table in zip(models, tables, strict=True):
        seen = trained_on(table, model.schema, model.run_id)
        if seen.any():
            _log.info(
                "%d of %d installs are left out: %s was trained on them.",
                seen.sum(),
                len(seen),
                model.uri,
            )
        known |= seen
    if known.all():
        raise CommandError(
            f"{data}: every install is one that a model was trained on. Give others."
        )
    return [table[~known].reset_index(drop=True) for table in tables]


if __name__ == "__main__":
    run_command(main)
