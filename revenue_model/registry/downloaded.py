"""A model of the registry, downloaded: its schema, its run, and what it predicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from revenue_model.errors import CommandError, first_line
from revenue_model.model.schema import SCHEMA_FILE, Schema
from revenue_model.own_code import load_with_own_code

EnvManager = Literal["uv", "virtualenv", "conda", "local"]
_ESTIMATOR = Path("artifacts") / "estimator"
_EXAMPLE = "serving_input_example.json"
_EXTRAS = {"interval": True, "payer_probability": True}
_LAST_CHARACTERS = 600  # characters of a process's output that are shown


@dataclass(frozen=True)
class DownloadedModel:
    """A model in a local folder; it predicts by the code that it brings, as when served."""

    uri: str
    folder: Path
    schema: Schema
    run_id: str | None

    @property
    def level(self) -> float:
        """The share of installs that its interval shall cover."""
        learned = (self.folder / _ESTIMATOR / "estimator.json").read_text(encoding="utf-8")
        return float(json.loads(learned)["conformal"]["level"])

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Revenue, its interval and the chance to pay, a row per install of `table`."""
        try:
            model = load_with_own_code(str(self.folder))
            return pd.DataFrame(model.predict(table[list(self.schema.features)], _EXTRAS))
        except Exception as error:  # whatever code the model brings
            raise CommandError(f"{self.uri} does not predict: {error}") from error

    def require_serving(self, env_manager: EnvManager) -> None:
        """Have MLflow predict the model's own example request as its server would.

        With `env_manager` uv in a new environment made from the model's requirements, and
        always outside of this checkout. Raises `CommandError` when it does not answer by a
        number for every install.
        """
        example = self.folder / _EXAMPLE
        if not example.exists():
            raise CommandError(f"{self.uri} does not serve: it has no {_EXAMPLE}.")
        with TemporaryDirectory() as scratch:
            out = Path(scratch) / "answer.json"
            command = [sys.executable, "-P", "-m", "mlflow", "models", "predict"]
            command += ["-m", str(self.folder), "--env-manager", env_manager]
            command += ["-i", str(example), "-o", str(out)]
            env = {k: v for k, v in os.environ.items() if k != "REVENUE_PREDICTION_LOG"}
            binaries = os.path.dirname(sys.executable)  # where uv is
            env["PATH"] = f"{binaries}{os.pathsep}{env.get('PATH', '')}"
            done = subprocess.run(
                command, cwd=scratch, env=env, capture_output=True, text=True, check=False
            )
            if done.returncode:
                last = " ".join(done.stderr.split())[-_LAST_CHARACTERS:]
                raise CommandError(f"{self.uri} does not predict: ... {last}")
            rows = json.loads(out.read_text(encoding="utf-8"))["predictions"]
        if not rows or not all(row["predicted_revenue"] >= 0 for row in rows):
            raise CommandError(f"{self.uri} does not serve: it answered {str(rows)[:200]}.")


@contextmanager
def downloaded(uri: str) -> Iterator[DownloadedModel]:
    """The model at `uri`, ``models:/revenue@champion`` or the like, while the block lasts.

    Raises `CommandError` when there is none, or it is not of this project.
    """
    with TemporaryDirectory() as scratch:
        try:
            folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
        except (MlflowException, OSError) as error:
            raise CommandError(f"{uri} cannot be downloaded: {first_line(error)}") from None
        schema = folder / _ESTIMATOR / SCHEMA_FILE
        if not schema.exists():
            raise CommandError(
                f"{uri} is no revenue model: it has no {schema.relative_to(folder)}. "
                "Give a model that `mlflow run . -P data=PATH` registered."
            )
        text = schema.read_text(encoding="utf-8")
        run_id = Model.load(str(folder)).run_id
        yield DownloadedModel(uri, folder, Schema.from_json(text), run_id)
