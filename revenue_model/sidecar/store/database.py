"""The prediction log in Postgres.

`migrations/` makes the tables and `queries/` asks them: no other place knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Full, LifoQueue
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

Rows = Callable[..., list[dict[str, Any]]]  # of a named query and its parameters
QUERIES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in Path(__file__).with_name("queries").glob("*.sql")
}
_CONNECT_TIMEOUT_S = 5
_STATEMENT_TIMEOUT_S = 30  # of a question; the collector has all the time it needs
_KEPT_OPEN = 8


class Database:
    """Connections to one Postgres, kept open between uses. Safe with threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: LifoQueue[Connection] = LifoQueue(_KEPT_OPEN)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in one transaction: committed at the end, rolled back by an error.

        Raises `psycopg2.Error` when Postgres refuses or is away.
        """
        connection = self._connection()
        try:
            with connection:
                yield connection
        except BaseException:
            connection.close()
            raise
        try:
            self._idle.put_nowait(connection)
        except Full:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """A function that answers the rows of named queries, all in one transaction."""
        with self.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT_S}s'")

            def rows(query: str, **parameters: Any) -> list[dict[str, Any]]:
                cursor.execute(QUERIES[query], parameters)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

            yield rows

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a named query that only reads."""
        with self.reading() as rows:
            return rows(query, **parameters)

    def close(self) -> None:
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def _connection(self) -> Connection:
        with suppress(Empty):
            while True:
                connection = self._idle.get_nowait()
                if _is_alive(connection):
                    return connection
                connection.close()
        return psycopg2.connect(
            self._url,
            connect_timeout=_CONNECT_TIMEOUT_S,
            options="-c timezone=UTC -c synchronous_commit=on -c client_min_messages=warning",
            application_name="revenue-sidecar",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )


def _is_alive(connection: Connection) -> bool:
    """Whether a connection that lay idle still has its server: one round trip."""
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT")
    except psycopg2.Error:
        return False
    return True


def execute(connection: Connection, query: str, **parameters: Any) -> tuple[Any, ...]:
    """Run a named query; returns its first row, or an empty one."""
    with connection.cursor() as cursor:
        cursor.execute(QUERIES[query], parameters)
        return (cursor.fetchone() or ()) if cursor.description else ()
