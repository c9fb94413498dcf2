"""Train, evaluate and register a revenue model: the entry point `main`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.data.pandas_dataset import from_pandas
from tqdm import tqdm

from revenue_model.audit import audit
from revenue_model.commands.command import run_command
from revenue_model.commands.knobs import add_knobs, settings_of
from revenue_model.data.compact import read_compact
from revenue_model.data.labelled_log import POSTGRES, read_logged
from revenue_model.data.reference_profile import log_profile
from revenue_model.data.split import split
from revenue_model.data.table import read_table
from revenue_model.errors import CommandError, TableError
from revenue_model.evaluation import figures
from revenue_model.evaluation.metrics import evaluate
from revenue_model.model.arrays import Array
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import Schema
from revenue_model.registry import training_hashes as trained_on
from revenue_model.registry.publish import register, typical_install
from revenue_model.spark import session as spark
from revenue_model.spark.boosting import SparkBoosting
from revenue_model.spark.tables import read_spark
from revenue_model.training.boosting import Boosting
from revenue_model.training.fit import fit
from revenue_model.training.settings import TrainingSettings

_log = logging.getLogger(__name__)

_EXPLAINED = 2_000  # installs in the figure of importance
_Read = Callable[[str, Schema], pd.DataFrame]
_SHOWN = ("mae", "rmse", "r2", "spearman", "total_bias", "interval_coverage")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="CSV or Parquet file, or postgres")
    parser.add_argument("--holdout", required=True, help="test installs; '' splits --data")
    parser.add_argument("--schema", required=True, help="TOML file that describes the columns")
    parser.add_argument("--name", required=True, help="registered model")
    parser.add_argument(
        "--strict", choices=["true", "false"], required=True, help="an alarm of the audit stops"
    )
    parser.add_argument(
        "--external-memory",
        choices=["true", "false"],
        required=True,
        help="keep a table that outgrows memory in files",
    )
    parser.add_argument("--engine", choices=spark.ENGINES, required=True, help="who trains")
    parser.add_argument("--master", required=True, help="Spark's address, or local[CORES]")
    parser.add_argument(
        "--workers", type=int, required=True, help="tasks of Spark that share a booster's rows"
    )
    add_knobs(parser)
    options = parser.parse_args(arguments)
    settings = settings_of(options)
    schema = Schema.read(options.schema)
    external = options.external_memory == "true"
    with _engine(options, external_memory=external) as (read, boosting):
        parts = _parts(options.data, options.holdout, schema, settings.seed, read)
        with mlflow.start_run(nested=True) as run:  # in monitor's, if that trains
            known = run.data.params  # `mlflow run` has logged its own parameters
            given = vars(options) | {"data": options.data}
            mlflow.log_params({key: value for key, value in given.items() if key not in known})
            _audit(parts["train"], schema, strict=options.strict == "true")
            version = train(
                parts,
                schema,
                settings,
                options.name,
                options.data,
                external_memory=external,
                boosting=boosting,
            )
    print(f"Registered {options.name} version {version} as challenger.")


@contextmanager
def _engine(
    options: argparse.Namespace, *, external_memory: bool
) -> Iterator[tuple[_Read, Callable[..., Boosting]]]:
    """How a table is read, and where the trees are trained."""
    if options.engine != "spark":
        yield read_compact if external_memory else partial(read_table, labelled=True), Boosting
        return
    if external_memory:
        raise CommandError(
            "-P external_memory=true keeps the bins of one machine in files; "
            "leave it out with -P engine=spark."
        )
    with spark.session(options.master) as session:
        tasks = session.sparkContext.defaultParallelism
        if not 1 <= options.workers <= tasks:
            raise CommandError(
                f"-P workers={options.workers}: expected 1 to {tasks}, the tasks that "
                f"'{options.master}' runs at once."
            )
        boosting = partial(SparkBoosting, session=session, workers=options.workers)
        with spark.translate_errors(Path(options.data)):
            yield partial(read_spark, session), boosting


def _parts(
    data: str,
    holdout: str,
    schema: Schema,
    seed: int,
    read: _Read,
) -> dict[str, pd.DataFrame]:
    if not data:
        raise TableError(
            "no data: give -P data=PATH, a CSV or Parquet table of installs, or data=postgres."
        )
    logged = data == POSTGRES
    table = read_logged(schema) if logged else read(data, schema)
    if not holdout:
        return split(table, schema, seed)
    return {"train": table, "test": read(holdout, schema)}


def _audit(table: pd.DataFrame, schema: Schema, *, strict: bool) -> None:
    """Log what is wrong with the training table; with `strict` an alarm is an error."""
    found = audit.audit(table, schema)
    audit.log(found)
    for line in found.text().splitlines():
        _log.info("Audit: %s", line)
    if strict and found.alarming:
        raise CommandError(
            f"the audit of the training installs alarms: {' '.join(found.alarming)} "
            "Mend the table, or train without -P strict=true."
        )


def train(
    parts: dict[str, pd.DataFrame],
    schema: Schema,
    settings: TrainingSettings,
    name: str,
    source: str,
    *,
    external_memory: bool = False,
    boosting: Callable[..., Boosting] = Boosting,
) -> str:
    """Fit on `parts["train"]`, judge every part, register; returns the version.

    Logs to the active MLflow run: data digests, hashes of the training installs, metrics by
    part as ``test_mae``, figures of the test part, and the model.
    """
    _log.info("Training on %d installs of %s.", len(parts["train"]), Path(source).name)
    for part, table in parts.items():
        dataset = from_pandas(table, source=str(source), name=part, targets=schema.target.name)
        mlflow.log_input(dataset, context=part)
    trained_on.log(parts["train"], schema)
    unit = "trees" if boosting is Boosting else "boosters"
    with tqdm(desc="Train", unit=unit, disable=None) as bar:

        def progress() -> None:
            bar.update()

        estimator = fit(
            parts["train"],
            schema,
            settings,
            progress,
            external_memory=external_memory,
            booster_factory=boosting,
        )
    predicted = {
        part: _judge(estimator, table, part, settings) for part, table in parts.items()
    }
    log_profile(parts["train"], schema, predicted["train"])
    version = register(estimator, schema, typical_install(parts["train"], schema), name)
    return str(version.version)


def _judge(
    estimator: RevenueEstimator, table: pd.DataFrame, part: str, settings: TrainingSettings
) -> Array:
    """Log how good the predictions of a part are; returns them."""
    schema = estimator.schema
    real = table[schema.target.name].to_numpy()
    columns = {name: table[name] for name in schema.features}
    outputs = estimator.predict(columns, interval=True, payer_probability=True)
    predicted, probability = outputs["predicted_revenue"], outputs["payer_probability"]
    low, high = outputs["revenue_low"], outputs["revenue_high"]
    segments = table[list(schema.segments)]
    metrics = evaluate(
        real,
        predicted,
        segments,
        payer_probability=probability,
        revenue_low=low,
        revenue_high=high,
    )
    mlflow.log_metrics({f"{part}_{metric}": value for metric, value in metrics.items()})
    _log.info(
        "%s: %s.",
        part.capitalize(),
        ", ".join(f"{name} {metrics[name]:.4g}" for name in _SHOWN if name in metrics),
    )
    if part == "test":
        unit = schema.target.unit or "USD"
        drawn = figures.evaluation(
            real,
            predicted,
            segments,
            level=settings.level,
            unit=unit,
            seed=settings.seed,
            revenue_low=low,
            revenue_high=high,
        )
        drawn["importance"] = _importance(estimator, table.head(_EXPLAINED))
        for title, figure in drawn.items():
            mlflow.log_figure(figure, f"figures/{title}.png")
    return predicted


def _importance(estimator: RevenueEstimator, table: pd.DataFrame) -> Figure:
    columns = {name: table[name].to_numpy() for name in estimator.schema.features}
    outputs = estimator.predict(columns, explain=True)
    parts = {name: outputs[f"contribution_{name}"] for name in columns}
    return figures.importance(parts, columns)


if __name__ == "__main__":
    run_command(main)
