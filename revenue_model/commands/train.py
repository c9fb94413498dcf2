"""Train, evaluate and register a revenue model: the entry point `main`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas
from tqdm import tqdm

from revenue_model.audit.audit import audit, log_audit
from revenue_model.commands.entry_point import Parameters, log_parameters, run_command
from revenue_model.data.chunked import read_compact
from revenue_model.data.labelled_log import POSTGRES, read_logged
from revenue_model.data.reference_profile import reference_profile
from revenue_model.data.split import split
from revenue_model.data.table import read_table
from revenue_model.errors import CommandError, TableError
from revenue_model.evaluation import report
from revenue_model.evaluation.figures.forecast import importance
from revenue_model.evaluation.forecast import Forecast
from revenue_model.model.arrays import Array
from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema
from revenue_model.registry.aliases import MODEL_NAME, require_model_name
from revenue_model.registry.publish import register, typical_install
from revenue_model.registry.training_hashes import log_training_hashes
from revenue_model.spark import session as spark
from revenue_model.spark.boosting import SparkBoosting
from revenue_model.training.boosting import Boosting
from revenue_model.training.fit import fit
from revenue_model.training.settings import TrainingSettings

_log = logging.getLogger(__name__)

_EXPLAINED = 2_000  # installs in the figure of importance
_Read = Callable[[str, Schema], pd.DataFrame]


@dataclass(frozen=True)
class TrainParameters:
    """Which installs are trained on, and by whom."""

    data: str = ""  # CSV or Parquet file, or postgres
    holdout: str = ""  # test installs; without, `data` is split
    schema: str = str(DEFAULT_SCHEMA)
    name: str = MODEL_NAME
    strict: bool = False  # an alarm of the audit stops
    external_memory: bool = False  # a table that outgrows memory is kept in files
    engine: Literal["local", "spark"] = "local"
    master: str = "local[*]"  # Spark's address, or local[CORES]
    workers: int = 1  # tasks of Spark that share a booster's rows

    def __post_init__(self) -> None:
        require_model_name(self.name)


PARAMETERS = (TrainParameters, TrainingSettings)


def main(arguments: Sequence[str]) -> None:
    parameters = Parameters(arguments, *PARAMETERS)
    given, settings = parameters.make(TrainParameters), parameters.make(TrainingSettings)
    schema = Schema.read(given.schema)
    with _engine(given) as (read, booster_factory):
        parts = _parts(given, schema, settings.seed, read)
        train_logged(parts, given, schema, settings, booster_factory)


def train_logged(
    parts: dict[str, pd.DataFrame],
    given: TrainParameters,
    schema: Schema,
    settings: TrainingSettings,
    booster_factory: Callable[..., Boosting] = Boosting,
) -> str:
    """Audit and train in an MLflow run of their own, nested in one that is active.

    Returns the version.
    """
    with mlflow.start_run(nested=True):
        log_parameters(given, settings)
        _audit(parts["train"], schema, strict=given.strict)
        version = train(
            parts,
            schema,
            settings,
            given.name,
            given.data,
            external_memory=given.external_memory,
            booster_factory=booster_factory,
        )
    print(f"Registered {given.name} version {version} as challenger.", flush=True)
    return version


@contextmanager
def _engine(given: TrainParameters) -> Iterator[tuple[_Read, Callable[..., Boosting]]]:
    """How a table is read, and where the trees are trained."""
    if given.engine != "spark":
        read = read_compact if given.external_memory else partial(read_table, labelled=True)
        yield read, Boosting
        return
    if given.external_memory:
        raise CommandError(
            "-P external_memory=true keeps the bins of one machine in files; "
            "leave it out with -P engine=spark."
        )
    with spark.session(given.master) as session:
        tasks = session.sparkContext.defaultParallelism
        if not 1 <= given.workers <= tasks:
            raise CommandError(
                f"-P workers={given.workers}: expected 1 to {tasks}, the tasks that "
                f"'{given.master}' runs at once."
            )
        factory = partial(SparkBoosting, session=session, workers=given.workers)
        with spark.translate_errors(Path(given.data)):
            yield partial(spark.read_spark, session), factory


def _parts(
    given: TrainParameters, schema: Schema, seed: int, read: _Read
) -> dict[str, pd.DataFrame]:
    if not given.data:
        raise TableError(
            "no data: give -P data=PATH, a CSV or Parquet table of installs, or data=postgres."
        )
    table = read_logged(schema) if given.data == POSTGRES else read(given.data, schema)
    if not given.holdout:
        return split(table, schema, seed)
    return {"train": table, "test": read(given.holdout, schema)}


def _audit(table: pd.DataFrame, schema: Schema, *, strict: bool) -> None:
    """Log what is wrong with the training table; with `strict` an alarm is an error."""
    found = audit(table, schema)
    log_audit(found)
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
    booster_factory: Callable[..., Boosting] = Boosting,
) -> str:
    """Fit on `parts["train"]`, judge every part, register; returns the version.

    Logs to the active MLflow run: data digests, hashes of the training installs, metrics by
    part as ``test_mae``, figures of the test part, and the model.
    """
    _log.info("Training on %d installs of %s.", len(parts["train"]), Path(source).name)
    for part, table in parts.items():
        dataset = from_pandas(table, source=str(source), name=part, targets=schema.target.name)
        mlflow.log_input(dataset, context=part)
    log_training_hashes(parts["train"], schema)
    unit = "trees" if booster_factory is Boosting else "boosters"
    with tqdm(desc="Train", unit=unit, disable=None) as bar:

        def progress() -> None:
            bar.update()

        estimator = fit(
            parts["train"],
            schema,
            settings,
            progress,
            external_memory=external_memory,
            booster_factory=booster_factory,
        )
    predicted = {part: _judge(estimator, table, part, settings) for part, table in parts.items()}
    profile = reference_profile(parts["train"], schema, predicted["train"])
    mlflow.log_dict(profile, "profile.json")
    version = register(estimator, schema, typical_install(parts["train"], schema), name)
    return str(version.version)


def _judge(
    estimator: RevenueEstimator, table: pd.DataFrame, part: str, settings: TrainingSettings
) -> Array:
    """Log how good the predictions of a part are; returns them."""
    columns = {name: table[name] for name in estimator.schema.features}
    answer = estimator.predict(columns, interval=True, payer_probability=True)
    forecast = Forecast.of(table, estimator.schema, answer, settings.level)
    metrics = report.log_metrics(forecast, f"{part}_")
    _log.info("%s: %s", part.capitalize(), report.summary(metrics))
    if part == "test":
        report.log_figures(forecast, settings.seed)
        explained = {name: table[name].head(_EXPLAINED).to_numpy() for name in columns}
        outputs = estimator.predict(explained, explain=True)
        contributions = {name: outputs[f"contribution_{name}"] for name in columns}
        figure = importance(contributions, explained)
        mlflow.log_figure(figure, "figures/importance.png")
    return forecast.predicted


if __name__ == "__main__":
    run_command(main)
