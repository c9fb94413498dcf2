"""Compare models out of fold on the same installs: the entry point `compare`.

Every model is searched with the same number of trials and judged on the same folds of the
train and validation parts. The test part is left for the one that is chosen.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from mlflow.data.pandas_dataset import from_pandas
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid, ParameterSampler
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from revenue_model.commands.command import run_command
from revenue_model.commands.knobs import add_knobs, settings_of
from revenue_model.data.split import BLOCK, dealt, split
from revenue_model.data.table import read_table
from revenue_model.errors import CommandError, TableError
from revenue_model.evaluation.baselines import OURS, Candidate, Part, candidates, part_of
from revenue_model.evaluation.figures import INK, MODEL, MUTED, headline, style
from revenue_model.evaluation.metrics import evaluate, tweedie_deviance
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.training.settings import TrainingSettings

CRITERION = "tweedie_deviance"  # out of fold; the lower the better
SHOWN = (CRITERION, "gini", "mae", "rmse", "r2", "spearman", "total_bias")
_INNER = 5  # a search trains on four fifths of the first fold's training part
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """One model's search and what it says of installs it has not seen."""

    name: str
    params: dict[str, Any]  # the best of `trials`
    trials: pd.DataFrame  # a row per trial: its parameters and deviance
    predicted: Array  # out of fold
    metrics: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """The results, the best first."""

    results: tuple[Result, ...]

    @property
    def best(self) -> Result:
        return self.results[0]

    def leaderboard(self) -> pd.DataFrame:
        """A row per model, the best first: every metric, out of fold."""
        rows = {result.name: result.metrics for result in self.results}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")

    def figure(self) -> Figure:
        return leaderboard_figure(self.leaderboard())


def compare(
    table: pd.DataFrame,
    schema: Schema,
    settings: TrainingSettings,
    *,
    cv: int,
    trials: int,
    models: Sequence[Candidate] | None = None,
) -> Comparison:
    """Search and cross-validate `models`, all of `candidates` if None, on `table`.

    `cv` folds deal out the large spenders evenly. The search, `trials` draws per model of
    which the defaults are the first, happens within the first fold's training part.
    """
    models = candidates(schema, settings) if models is None else models
    revenue = table[schema.target.name].to_numpy(np.float64)
    fold = _deal(revenue, cv, settings.seed)
    parts = [
        part_of(table[fold != k], table[fold == k], schema, settings.seed) for k in range(cv)
    ]
    inner = _deal(parts[0].revenue, _INNER, settings.seed) == 0
    search = part_of(parts[0].train[~inner], parts[0].train[inner], schema, settings.seed)
    results = []
    with (
        tqdm(total=len(models) * (trials + cv), desc="Compare", disable=None) as bar,
        threadpool_limits(settings.threads or None),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the search sees its deviance
        for model in models:
            bar.set_postfix_str(model.name)
            tried = _search(model, search, schema, trials, settings.seed, bar)
            best = min(tried, key=lambda trial: trial[1])[0]
            predicted = np.empty(len(table))
            for k, part in enumerate(parts):
                predicted[fold == k] = model.predict(part, best)
                bar.update()
            results.append(_result(model.name, best, tried, table, predicted, schema))
    return Comparison(tuple(sorted(results, key=lambda result: result.metrics[CRITERION])))


def _deal(revenue: Array, parts: int, seed: int) -> NDArray[np.int64]:
    return (dealt(revenue, np.random.default_rng(seed)) * parts).astype(np.int64)


def _search(
    model: Candidate, part: Part, schema: Schema, trials: int, seed: int, bar: tqdm[Any]
) -> list[tuple[dict[str, Any], float]]:
    """Each trial's parameters and its deviance."""
    drawn = ParameterSampler(
        model.space, min(trials - 1, len(ParameterGrid(model.space))), random_state=seed
    )
    real = part.held[schema.target.name].to_numpy(np.float64)
    tried = []
    for params in [model.defaults, *drawn]:
        tried.append((params, tweedie_deviance(real, model.predict(part, params))))
        bar.update()
    return tried


def _result(
    name: str,
    params: dict[str, Any],
    tried: list[tuple[dict[str, Any], float]],
    table: pd.DataFrame,
    predicted: Array,
    schema: Schema,
) -> Result:
    real = table[schema.target.name].to_numpy(np.float64)
    metrics = evaluate(real, predicted, table[list(schema.segments)])
    trials = pd.DataFrame([{**each, CRITERION: deviance} for each, deviance in tried])
    return Result(name, params, trials, predicted, metrics)


@style
def leaderboard_figure(leaderboard: pd.DataFrame) -> Figure:
    """Deviance, absolute error, Gini and total bias of each model, the best on top.

    The last two without the dominating segment, if there is one: it would hide them.
    """
    shown = leaderboard.iloc[::-1]
    colours = [MODEL if name == OURS else MUTED for name in shown.index]
    rest, apart = ("_rest", ", the rest") if "gini_rest" in shown else ("", "")
    panels = {
        CRITERION: ("Tweedie deviance: low", "{:.3g}"),
        "mae": ("absolute error: low", "{:.3g}"),
        f"gini{rest}": (f"Gini{apart}: high", "{:.3f}"),
        f"total_bias{rest}": (f"bias{apart}: 1", "{:.3g}"),
    }
    figure = Figure(figsize=(10.5, 1.4 + 0.38 * len(shown)))
    for axes, (metric, (title, digits)) in zip(
        figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True
    ):
        values = shown[metric]
        axes.scatter(values, shown.index, c=colours, s=45)
        for place, (value, colour) in enumerate(zip(values, colours, strict=True)):
            axes.annotate(
                digits.format(value), (value, place), (0, 6), textcoords="offset points",
                ha="center", fontsize=8, color=INK if colour == MODEL else MUTED,
            )  # fmt: skip
        if not metric.startswith("gini"):
            axes.set_xscale("log")
        axes.set_xticks([])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.2, y=0.12)
        axes.set_title(title)
    headline(figure, "Models compared, out of fold", "the best on top, ours in blue")
    return figure


def log(comparison: Comparison) -> None:
    """Log to the active run the leaderboard, and each model as a nested run."""
    for result in comparison.results:
        with mlflow.start_run(run_name=result.name, nested=True):
            mlflow.log_params(result.params)
            mlflow.log_metrics(result.metrics)
            mlflow.log_table(result.trials, "trials.json")
    mlflow.log_table(comparison.leaderboard().reset_index(), "leaderboard.json")
    mlflow.log_figure(comparison.figure(), "leaderboard.png")
    mlflow.set_tag("best", comparison.best.name)
    mlflow.log_metrics(comparison.best.metrics)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="labelled installs, CSV or Parquet")
    parser.add_argument("--schema", required=True, help="TOML file that describes the columns")
    parser.add_argument("--cv", type=int, required=True, help="folds of the comparison")
    parser.add_argument("--trials", type=int, required=True, help="draws of each search")
    add_knobs(parser)
    options = parser.parse_args()
    if not 2 <= options.cv <= BLOCK:
        raise CommandError(f"cv is {options.cv}; give one from 2 to {BLOCK}.")
    if options.trials < 1:
        raise CommandError(f"trials is {options.trials}; give 1 or more.")
    if not options.data:
        raise TableError("no data: give -P data=PATH, a CSV or Parquet table of installs.")
    settings = settings_of(options)
    schema = Schema.read(options.schema)
    parts = split(read_table(options.data, schema, labelled=True), schema, settings.seed)
    table = pd.concat([parts["train"], parts["validation"]], ignore_index=True)
    logging.getLogger("revenue_model.model").setLevel(logging.ERROR)  # or each fit warns again
    _log.info("Comparing on %d installs of %s.", len(table), Path(options.data).name)
    with mlflow.start_run() as run:
        known = run.data.params  # `mlflow run` has logged its own parameters
        mlflow.log_params({k: v for k, v in vars(options).items() if k not in known})
        source = from_pandas(table, source=options.data, targets=schema.target.name)
        mlflow.log_input(source, context="train and validation")
        comparison = compare(table, schema, settings, cv=options.cv, trials=options.trials)
        log(comparison)
    board = comparison.leaderboard()
    print(board[[name for name in SHOWN if name in board]].to_string(float_format="%.4g"))
    print(f"Best out of fold: {comparison.best.name}.")


if __name__ == "__main__":
    run_command(main)
