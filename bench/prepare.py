"""What is measured: the champion of simulated installs, and the peers with their models."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from revenue_model.model.schema import DEFAULT_SCHEMA, Schema

ROOT = Path(__file__).parents[1]
STATE = ROOT / "var" / "bench"
SCHEMA = Schema.read(DEFAULT_SCHEMA)
TRACKING = {"MLFLOW_TRACKING_URI": f"sqlite:///{STATE}/mlflow.db"}
CHAMPION = "models:/revenue@champion"
_TRAINING_ROWS = 20_000
_PEERS = {
    "bentoml": ("bentoml", "xgboost", "numpy"),
    # MLServer 1.7 does not start its workers with a later uvloop.
    "mlserver": (
        *("mlserver", "mlserver-mlflow", "uvloop<0.22"),
        *("mlflow", "scikit-learn", "pandas", "numpy"),
    ),
    "flask": ("flask", "gunicorn", "xgboost", "numpy", "pandas"),
    "fastapi": ("fastapi", "uvicorn", "httptools", "uvloop", "xgboost", "numpy"),
}
_AS_OURS = ("mlflow", "scikit-learn", "xgboost", "numpy", "pandas")


def entry_point(name: str, **parameters: object) -> None:
    words = ["mlflow", "run", ".", "-e", name, "--env-manager", "local"]
    words += [word for key, value in parameters.items() for word in ("-P", f"{key}={value}")]
    words += ["--experiment-name", "revenue"]
    log = STATE / f"{name}.log"
    with log.open("wb") as output:
        environment = os.environ | TRACKING
        done = subprocess.run(words, cwd=ROOT, env=environment, stdout=output, stderr=output)
    if done.returncode:
        sys.exit(f"error: `{' '.join(words)}` failed; see {log}.")


def installs(rows: int) -> Path:
    """A Parquet table of `rows` simulated installs."""
    path = STATE / f"installs-{rows}.parquet"
    if not path.exists():
        entry_point("simulate", rows=rows, out=path)
    return path


def champion() -> None:
    """Train and promote by the code as it stands, if it or the table has changed.

    The table is that of `scripts/bench --data`, by default simulated installs, from whose
    simple rules few trees are learned.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(TRACKING["MLFLOW_TRACKING_URI"])
    if mlflow.get_experiment_by_name("revenue") is None:
        mlflow.create_experiment("revenue", f"{STATE}/artifacts")
    data = os.environ.get("BENCH_DATA") or installs(_TRAINING_ROWS)
    code = (ROOT / "revenue_model" / "model").iterdir()
    learned_from = [*sorted(p for p in code if p.is_file()), Path(data)]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in learned_from)).hexdigest()
    trained_by = STATE / "champion.sha256"
    if not trained_by.exists() or trained_by.read_text() != digest:
        print("Training ...", flush=True)
        entry_point("main", data=data)
        entry_point("promote", force="true", reason="the code has changed")
        trained_by.write_text(digest)


def peer_models() -> None:
    """The models that the peers serve, of about our size, from the same installs."""
    table = pd.read_parquet(installs(_TRAINING_ROWS))
    texts, numbers = list(SCHEMA.categoricals), list(SCHEMA.events)
    codes = {name: pd.factorize(table[name])[1] for name in texts}
    folder = STATE / "by_hand"
    folder.mkdir(exist_ok=True)
    plain = {name: {text: i for i, text in enumerate(known)} for name, known in codes.items()}
    (folder / "codes.json").write_text(json.dumps(plain))
    x = np.column_stack(
        [table[name].map(plain[name]).fillna(-1) for name in texts]
        + [table[name] for name in numbers]
    )
    revenue = table[SCHEMA.target.name].clip(upper=1000)
    params = {"objective": "reg:tweedie", "max_depth": 6, "learning_rate": 0.1}
    xgb.train(params, xgb.DMatrix(x, revenue), 200).save_model(folder / "peer.ubj")

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("text", encoder, texts), ("number", "passthrough", numbers)])
    pipeline = make_pipeline(columns, HistGradientBoostingRegressor(max_iter=200))
    pipeline.fit(table[texts + numbers], revenue)
    signature = SCHEMA.signature()
    trusted = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
    _save(
        mlflow.sklearn.save_model,
        "sklearn",
        sk_model=pipeline,
        signature=signature,
        skops_trusted_types=trusted,
    )
    noop = str(ROOT / "bench/peers/noop.py")
    _save(mlflow.pyfunc.save_model, "noop", python_model=noop, signature=signature)


def _save(save: Callable[..., object], name: str, **given: object) -> None:
    path = STATE / name
    if path.exists():
        subprocess.run(["rm", "-r", str(path)], check=True)
    os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"
    save(path=path, pip_requirements=[f"mlflow=={version('mlflow')}"], **given)


def peers() -> dict[str, Path]:
    """Install each peer by uv into an environment of its own; returns their bin folders."""
    found = {}
    for name, packages in _PEERS.items():
        folder = STATE / "env" / name
        if not (folder / "installed").exists():
            print(f"Installing {name} ...", flush=True)
            words = [f"{p}=={version(p)}" if p in _AS_OURS else p for p in packages]
            python = f"{sys.version_info.major}.{sys.version_info.minor}"
            subprocess.run(["uv", "venv", "-q", "--clear", "-p", python, folder], check=True)
            subprocess.run(["uv", "pip", "install", "-q", "-p", folder, *words], check=True)
            (folder / "installed").touch()
        found[name] = folder / "bin"
    return found


def champion_folder() -> Path:
    """The champion's artifact as it lies in the store."""
    version = mlflow.MlflowClient().get_model_version_by_alias("revenue", "champion")
    return Path(mlflow.artifacts.download_artifacts(f"models:/revenue/{version.version}"))
