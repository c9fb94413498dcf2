"""Brings a database to this version's tables, views and functions.

`migrations/` holds numbered files, of which each is run once and noted in the table
`schema_versions`. To change a table, a view or a function is to add a file. The first four
can be run over the tables of a version that had no such table, and change nothing there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from revenue_model.sidecar.store.database import Database

MIGRATIONS = {
    path.name: path.read_text(encoding="utf-8")
    for path in sorted(Path(__file__).with_name("migrations").glob("*.sql"))
}
# One sidecar at a time, and beside no new partition, which changes the same table. A caller's
# own temporary schema would else come first for the functions that are made. After the wait
# for the locks: who cannot have a table soon lets those through who read it, and tries again.
_BEGIN = """
SELECT pg_advisory_xact_lock(hashtext('revenue_model.schema')),
    pg_advisory_xact_lock(hashtext('revenue_model.partitions'));
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
SET LOCAL lock_timeout = '5s';
CREATE TABLE IF NOT EXISTS schema_versions (
    file text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


class NewerDatabase(Exception):
    """A later version of the sidecar has upgraded the database."""


def migrate(database: Database) -> None:
    """Run what is missing, each file in a transaction of its own.

    Raises `NewerDatabase`, and `psycopg2.Error` when Postgres refuses or is away; what
    was not finished is then as it was before.
    """
    with database.transaction() as connection, connection.cursor() as cursor:
        applied = _applied(cursor)
    unknown = sorted(applied - MIGRATIONS.keys())
    if unknown:
        raise NewerDatabase(
            f"The database is newer than this sidecar, which does not know {unknown[-1]}: "
            "start the version that made it, or a later one."
        )
    for file in (name for name in MIGRATIONS if name not in applied):
        with database.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(_BEGIN)
            if file not in _applied(cursor):
                cursor.execute(MIGRATIONS[file])
                cursor.execute("INSERT INTO schema_versions (file) VALUES (%s)", (file,))


def _applied(cursor: Any) -> set[str]:
    cursor.execute("SELECT to_regclass('schema_versions')")
    if cursor.fetchone() == (None,):
        return set()
    cursor.execute("SELECT file FROM schema_versions")
    return {file for (file,) in cursor.fetchall()}
