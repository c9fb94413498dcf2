"""A table at once: the registered model, the bare booster, and the entry point `score`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

import mlflow
import pandas as pd
import pyarrow.parquet as pq

from bench import prepare
from bench.prepare import CHAMPION, ROOT, SCHEMA, STATE, TRACKING

_WARM_ROWS = 1000


def measure(rounds: int, rows: int, large: bool) -> dict[str, Any]:
    prepare.champion()
    model = mlflow.pyfunc.load_model(CHAMPION)
    table = pd.read_parquet(prepare.installs(rows))[list(SCHEMA.features)]
    booster = model.unwrap_python_model().estimator.mean
    x = _matrix(model, table)

    def bare() -> None:
        booster.inplace_predict(x, predict_type="margin")

    def pyfunc() -> None:
        model.predict(table)

    model.predict(table.head(_WARM_ROWS))
    results: dict[str, Any] = {"rows": rows, "bare": [], "pyfunc": [], "score": {}}
    results["trees"] = booster.num_boosted_rounds()
    for turn in range(rounds):
        print(f"Round {turn + 1} of {rounds}: predict", flush=True)
        results["bare"].append(_seconds(bare))
        results["pyfunc"].append(_seconds(pyfunc))
    size = 10_000
    while size <= rows * (10 if large else 1):
        print(f"score of {size} rows", flush=True)
        results["score"][str(size)] = [_score(size) for _ in range(min(rounds, 3))]
        size *= 10
    return results


def _matrix(model: Any, table: pd.DataFrame) -> Any:
    """The matrix that the trees see of `table`."""
    from revenue_model.model.inputs import read_inputs

    estimator = model.unwrap_python_model().estimator
    columns = {name: table[name].to_numpy() for name in SCHEMA.features}
    return estimator.features(read_inputs(columns, SCHEMA, estimator.vocabularies))[0]


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _score(rows: int) -> dict[str, float]:
    """The command as a person runs it, from Parquet to Parquet: seconds and peak memory."""
    data, out = prepare.installs(rows), STATE / "scored.parquet"
    command = [sys.executable, "-m", "revenue_model.commands.score", "--model", CHAMPION]
    command += ["--data", str(data), "--out", str(out)]
    command += ["--interval", "false", "--payer-probability", "false"]
    command += ["--engine", "local", "--master", ""]
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | TRACKING, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    if status or pq.ParquetFile(out).metadata.num_rows != rows:
        sys.exit(f"error: `{' '.join(command)}` failed.")
    return {"seconds": took, "peak_mb": usage.ru_maxrss / 1024}


def report(results: dict[str, Any]) -> list[str]:
    rows = results["rows"]
    pairs = zip(results["pyfunc"], results["bare"], strict=True)
    ratios = sorted(mine / bare for mine, bare in pairs)
    lines = [
        f"`pyfunc.predict` on {rows:,} rows, over the bare booster of {results['trees']} trees "
        f"on a ready matrix: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"{median(results['pyfunc']):.2f} s against {median(results['bare']):.2f} s.",
        "",
        "The entry point `score`, Parquet to Parquet, with the start of Python and the model:",
        "",
        "| rows | seconds | rows a second | peak memory, MB |",
        "|---|---|---|---|",
    ]
    for size, runs in results["score"].items():
        took, peak = (median(run[what] for run in runs) for what in ("seconds", "peak_mb"))
        lines.append(f"| {int(size):,} | {took:.1f} | {int(size) / took:,.0f} | {peak:.0f} |")
    return lines
