"""Training, against the bare XGBoost calls that it makes and against LightGBM."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import lightgbm as lgb
import pandas as pd
import psutil
import xgboost as xgb

from bench import prepare
from bench.prepare import ROOT, SCHEMA
from revenue_model.training import fit as training
from revenue_model.training.fit import fit
from revenue_model.training.settings import TrainingSettings

_FEW_TREES = 20  # where ten times the rows are trained on: all the trees would take an hour


def measure(rounds: int, rows: int, large: bool) -> dict[str, Any]:
    """Each run in a process of its own, so that its peak memory is its own."""
    sizes = [10_000]
    while sizes[-1] * 10 <= rows:
        sizes.append(sizes[-1] * 10)
    if rows not in sizes:
        sizes.append(rows)
    results: dict[str, Any] = {"rows": rows, "ours": {}, "lightgbm": []}
    for size in sizes:
        results["ours"][str(size)] = []
        for turn in range(rounds if size == rows else 1):
            print(f"Training on {size} rows, round {turn + 1}", flush=True)
            results["ours"][str(size)].append(_apart("ours", size))
            if size == rows:
                results["lightgbm"].append(_apart("lightgbm", size))
    if large:
        for size in (rows, 10 * rows):
            print(f"Training on {size} rows, {_FEW_TREES} trees a booster", flush=True)
            results.setdefault("few_trees", {})[str(size)] = _apart("few_trees", size)
    prepare.champion()
    folder = prepare.champion_folder()
    results["model_bytes"] = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    return results


def _apart(which: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.training", which, str(prepare.installs(rows))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"error: `{' '.join(command)}` failed.")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(which: str, path: Path) -> dict[str, float]:
    table = pd.read_parquet(path)
    table_mb = table.memory_usage(deep=True).sum() / 2**20
    in_xgboost = _timed_xgboost()
    before = _resident_mb()  # reading the table has peaked higher
    start = time.perf_counter()
    _WHICH[which](table)
    took = time.perf_counter() - start
    bare = sum(in_xgboost)
    used = _peak_mb() - before + table_mb
    return {"seconds": took, "bare_s": bare, "table_mb": table_mb, "used_mb": used}


def _ours(table: pd.DataFrame, **changes: Any) -> None:
    fit(table, SCHEMA, TrainingSettings(**changes))


def _few_trees(table: pd.DataFrame) -> None:
    with patch.object(training, "_MAX_SMALL_TREES", _FEW_TREES):
        _ours(table, num_boost_round=_FEW_TREES)


def _lightgbm(table: pd.DataFrame) -> None:
    """The mean alone, categories as they are: five folds for the trees, then all installs."""
    x = table[list(SCHEMA.features)].astype(dict.fromkeys(SCHEMA.categoricals, "category"))
    params = {"objective": "tweedie", "learning_rate": 0.05, "num_leaves": 16, "verbose": -1}
    stop: list[Callable[..., Any]] = [lgb.early_stopping(50, verbose=False)]
    data = lgb.Dataset(x, table[SCHEMA.target.name], free_raw_data=False)
    curve: dict[str, Any] = lgb.cv(params, data, 400, nfold=5, stratified=False, callbacks=stop)
    lgb.train(params, data, len(next(iter(curve.values()))))


_WHICH = {"ours": _ours, "few_trees": _few_trees, "lightgbm": _lightgbm}


def _timed_xgboost() -> list[float]:
    """The seconds that XGBoost's calls will have taken, by wrapping them."""
    took: list[float] = []

    def timed(call: Any) -> Any:
        def wrapper(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                took.append(time.perf_counter() - start)

        return wrapper

    xgb.train, xgb.cv = timed(xgb.train), timed(xgb.cv)
    return took


def _peak_mb() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _resident_mb() -> float:
    return psutil.Process().memory_info().rss / 2**20


def report(results: dict[str, Any]) -> list[str]:
    rows = str(results["rows"])
    ours, theirs = results["ours"][rows], results["lightgbm"]
    bare = sorted(run["seconds"] / run["bare_s"] for run in ours)
    other = sorted(a["seconds"] / b["seconds"] for a, b in zip(ours, theirs, strict=True))
    memory = sorted(run["used_mb"] / run["table_mb"] for run in ours)

    def spread(values: list[float]) -> str:
        return f"{median(values):.2f} ({values[0]:.2f} to {values[-1]:.2f})"

    lines = [
        f"Training on {int(rows):,} installs, in memory, all three boosters with intervals:",
        "",
        "| | |",
        "|---|---|",
        f"| seconds | {median(run['seconds'] for run in ours):.1f} |",
        f"| over the `xgb.cv` and `xgb.train` calls it makes | {spread(bare)} |",
        f"| over LightGBM, which learns the mean alone | {spread(other)} |",
        f"| peak memory over the table in memory, which counts | {spread(memory)} |",
        f"| the registered model on disk, MB | {results['model_bytes'] / 1e6:.2f} |",
        "",
        "| installs | seconds |",
        "|---|---|",
    ]
    for size, runs in results["ours"].items():
        lines.append(f"| {int(size):,} | {median(run['seconds'] for run in runs):.1f} |")
    if few := results.get("few_trees"):
        (_, one), (many, ten) = few.items()
        memory = ten["used_mb"] / ten["table_mb"]
        lines += [
            "",
            f"With {_FEW_TREES} trees a booster, {int(many):,} installs take "
            f"{ten['seconds']:.0f} s, {ten['seconds'] / one['seconds']:.1f} times the "
            f"{one['seconds']:.0f} s of a tenth of them, and peak at {memory:.2f} times their "
            "table in memory, which counts.",
        ]
    return lines


if __name__ == "__main__":
    os.environ["OMP_WAIT_POLICY"] = "passive"
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))
