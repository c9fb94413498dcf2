"""What is kept of a judged forecast in MLflow, the same for every command."""

from __future__ import annotations

import mlflow

from revenue_model.evaluation.figures.forecast import evaluation_figures
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import evaluate

_IN_SUMMARY = ("mae", "rmse", "r2", "gini", "spearman", "total_bias", "interval_coverage")


def log_metrics(forecast: Forecast, prefix: str = "") -> dict[str, float]:
    """Log every measure of `forecast` to the active run; returns them without `prefix`."""
    metrics = evaluate(forecast)
    mlflow.log_metrics({f"{prefix}{name}": value for name, value in metrics.items()})
    return metrics


def log_figures(forecast: Forecast, seed: int) -> None:
    """Log every figure of `forecast` to the active run, under ``figures/``."""
    for title, figure in evaluation_figures(forecast, seed).items():
        mlflow.log_figure(figure, f"figures/{title}.png")


def summary(metrics: dict[str, float]) -> str:
    """The measures that most readers ask for, on one line."""
    shown = [f"{name} {metrics[name]:.4g}" for name in _IN_SUMMARY if name in metrics]
    return ", ".join(shown) + "."
