"""Train, evaluate and register a revenue model: the entry point `main`."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict, fields
from pathlib import Path

import mlflow
import pandas as pd
from tqdm import tqdm

from revenue_model.model.estimator import RevenueEstimator
from revenue_model.model.schema import Schema, TableError, read_table
from revenue_model.model.training import TrainingSettings, fit
from revenue_model.pipeline import figures
from revenue_model.pipeline.command import run_command
from revenue_model.pipeline.metrics import evaluate
from revenue_model.pipeline.registry import register, typical_install
from revenue_model.pipeline.split import split

_log = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="labelled installs, CSV or Parquet")
    parser.add_argument("--holdout", required=True, help="test installs; '' splits --data")
    parser.add_argument("--schema", required=True, help="TOML file that describes the columns")
    parser.add_argument("--name", required=True, help="registered model")
    for setting in fields(TrainingSettings):
        kind = {"int": int, "float": float}.get(str(setting.type), str)
        parser.add_argument(f"--{setting.name.replace('_', '-')}", type=kind, required=True)
    options = parser.parse_args()
    settings = TrainingSettings(
        **{setting.name: getattr(options, setting.name) for setting in fields(TrainingSettings)}
    )
    schema = Schema.read(options.schema)
    parts = _parts(options.data, options.holdout, schema, settings.seed)
    with mlflow.start_run():
        version = train(parts, schema, settings, options.name, source=options.data)
    print(f"Registered {options.name} version {version} as challenger.")


def _parts(data: str, holdout: str, schema: Schema, seed: int) -> dict[str, pd.DataFrame]:
    if not data:
        raise TableError("no data: give -P data=PATH, a CSV or Parquet table of installs.")
    table = read_table(data, schema, labelled=True)
    if not holdout:
        return split(table, schema, seed)
    return {"train": table, "test": read_table(holdout, schema, labelled=True)}


def train(
    parts: dict[str, pd.DataFrame],
    schema: Schema,
    settings: TrainingSettings,
    name: str,
    source: str,
) -> str:
    """Fit on `parts["train"]`, judge every part, register; returns the version.

    Logs to the active MLflow run: parameters, data digests, metrics by part as
    ``test_mae``, figures of the test part, and the model.
    """
    _log.info("Training on %d installs of %s.", len(parts["train"]), Path(source).name)
    mlflow.log_params(asdict(settings))
    for part, table in parts.items():
        dataset = mlflow.data.from_pandas(
            table, source=str(source), name=part, targets=schema.target.name
        )
        mlflow.log_input(dataset, context=part)
    with tqdm(desc="Train", unit="trees", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        estimator = RevenueEstimator.fit(parts["train"], schema, settings, progress)
    for part, table in parts.items():
        _judge(estimator, table, schema, part)
    version = register(estimator, schema, typical_install(parts["train"], schema), name)
    return str(version.version)


def _judge(estimator: RevenueEstimator, table: pd.DataFrame, schema: Schema, part: str) -> None:
    real = table[schema.target.name].to_numpy()
    columns = {name: table[name].to_numpy() for name in schema.features}
    predicted = estimator.predict(columns)["predicted_revenue"]
    metrics = evaluate(real, predicted)
    mlflow.log_metrics({f"{part}_{metric}": value for metric, value in metrics.items()})
    _log.info("%s: MAE %.3f, R2 %.4f", part.capitalize(), metrics["mae"], metrics["r2"])
    if part == "test":
        for title, figure in figures.evaluation(real, predicted).items():
            mlflow.log_figure(figure, f"figures/{title}.png")


if __name__ == "__main__":
    run_command(main)
