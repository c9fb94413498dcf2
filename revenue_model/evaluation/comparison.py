"""Compare models out of fold on the same installs.

Every model is searched with the same number of trials and judged on the same folds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid, ParameterSampler
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from revenue_model.data.split import BLOCK, dealt
from revenue_model.evaluation.baselines import (
    OURS,
    ComparedModel,
    FoldData,
    compared_models,
    fold_data,
)
from revenue_model.evaluation.figures.style import (
    ABOVE,
    INK,
    MODEL,
    MUTED,
    headline,
    style,
)
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import evaluate, tweedie_deviance
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.training.settings import TrainingSettings

CRITERION = "tweedie_deviance"  # out of fold; the lower the better
_INNER = 5  # a search trains on four fifths of the first fold's training part


@dataclass(frozen=True)
class ComparisonSettings:
    """How thoroughly the models are searched and judged."""

    cv: int = 5  # folds
    trials: int = 8  # draws of each search, of which the defaults are the first

    def __post_init__(self) -> None:
        if not 2 <= self.cv <= BLOCK:
            raise ValueError(f"cv is {self.cv}; give one from 2 to {BLOCK}.")
        if self.trials < 1:
            raise ValueError(f"trials is {self.trials}; give 1 or more.")


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

    @style
    def figure(self) -> Figure:
        """Deviance, absolute error, Gini and total bias of each model, the best on top.

        The last two without the dominating segment, if there is one: it would hide them.
        """
        shown = self.leaderboard().iloc[::-1]
        colours = [MODEL if name == OURS else MUTED for name in shown.index]
        rest, apart = ("_rest", ", the rest") if "gini_rest" in shown else ("", "")
        panels = {
            "tweedie_deviance": ("Tweedie deviance: low", "{:.3g}"),
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
                text, ink = digits.format(value), INK if colour == MODEL else MUTED
                axes.annotate(text, (value, place), (0, 6), color=ink, **ABOVE)
            if not metric.startswith("gini"):
                axes.set_xscale("log")
            axes.set_xticks([])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.margins(x=0.2, y=0.12)
            axes.set_title(title)
        headline(figure, "Models compared, out of fold", "the best on top, ours in blue")
        return figure


def compare(
    table: pd.DataFrame,
    schema: Schema,
    settings: TrainingSettings,
    plan: ComparisonSettings,
    models: Sequence[ComparedModel] | None = None,
) -> Comparison:
    """Search and cross-validate `models`, all of `compared_models` if None, on `table`.

    The folds deal out the large spenders evenly. The search happens within the first fold's
    training part.
    """
    cv, trials = plan.cv, plan.trials
    models = compared_models(schema, settings) if models is None else models
    revenue = table[schema.target.name].to_numpy(np.float64)
    fold = _deal(revenue, cv, settings.seed)
    parts = [
        fold_data(table[fold != k], table[fold == k], schema, settings.seed) for k in range(cv)
    ]
    inner = _deal(parts[0].revenue, _INNER, settings.seed) == 0
    search = fold_data(parts[0].train[~inner], parts[0].train[inner], schema, settings.seed)
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
            metrics = evaluate(Forecast.of(table, schema, {"predicted_revenue": predicted}))
            drawn = pd.DataFrame([{**each, CRITERION: deviance} for each, deviance in tried])
            results.append(Result(model.name, best, drawn, predicted, metrics))
    return Comparison(tuple(sorted(results, key=lambda result: result.metrics[CRITERION])))


def _deal(revenue: Array, parts: int, seed: int) -> NDArray[np.int64]:
    return (dealt(revenue, np.random.default_rng(seed)) * parts).astype(np.int64)


def _search(
    model: ComparedModel, part: FoldData, schema: Schema, trials: int, seed: int, bar: tqdm[Any]
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


def log_comparison(comparison: Comparison) -> None:
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
