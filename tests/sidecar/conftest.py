"""A real Postgres for the session, a database in it for each test, and a spool's writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psycopg2
import pytest
from psycopg2 import sql

from revenue_model.model.schema import Schema
from revenue_model.prediction_log.journal import Provenance
from revenue_model.prediction_log.writer import JournalWriter
from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.store.database import Database
from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres
from revenue_model.sidecar.store.migrate import migrate
from tests import examples

INSTALL = examples.INSTALL | {"user_id": "u-1"}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data")
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    try:
        connection = psycopg2.connect(postgres.url)
    except psycopg2.OperationalError as error:
        log = Path(psycopg2.extensions.parse_dsn(postgres.url)["host"], "log")
        error.add_note(log.read_text()[-2000:] if log.exists() else f"{log} is gone")
        raise
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    connection.close()
    return postgres.url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def collector(database: Database, folder: Path) -> Collector:
    return Collector(database, folder, poll_s=0.02, retention_days=90)


class Writer:
    """Logs installs to a spool as the model does, by the columns that a test names."""

    def __init__(self, folder: Path, schema: Schema, version: str, shadow: bool = False) -> None:
        provenance = Provenance("revenue", version, f"m-{version}")
        self.spool = JournalWriter(
            folder, provenance, schema.logged_columns(), max_bytes=1 << 30, shadow=shadow
        )

    def log(
        self,
        revenue: list[float],
        *,
        inference_time_s: float = 0.002,
        request_id: str = "",
        **columns: object,
    ) -> None:
        rows = len(revenue)
        values = {name: [value] * rows for name, value in (INSTALL | columns).items()}
        outputs = {"predicted_revenue": np.array(revenue, np.float64)}
        self.spool.append(values, outputs, request_id=request_id, inference_time_s=inference_time_s)

    def fail(self, reason: str, rows: int = 1) -> None:
        values = {name: [value] * rows for name, value in INSTALL.items()}
        self.spool.append_failure(values, reason, request_id="", inference_time_s=0.001)


@pytest.fixture
def writer(folder: Path, schema: Schema) -> Callable[..., Writer]:
    def make(version: str = "1", *, shadow: bool = False) -> Writer:
        return Writer(folder, schema, version, shadow)

    return make


def query(database: Database, statement: str) -> list[tuple[object, ...]]:
    with database.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
