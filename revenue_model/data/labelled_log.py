"""Installs from the prediction log: what was asked of the model, and what came of it.

`-P data=postgres` trains on them. The sidecar owns the database; this reads its view
`training_installs`: one row a user, of users whose 7 days are over and whose revenue is known.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import psycopg2
from psycopg2 import sql

from revenue_model.data.table import read_table
from revenue_model.errors import CommandError, TableError, first_line
from revenue_model.model.schema import Schema

POSTGRES = "postgres"  # in place of a path
_VIEW = "training_installs"


def read_logged(schema: Schema, url: str | None = None) -> pd.DataFrame:
    """The labelled installs in the Postgres at `url`, else at DATABASE_URL.

    As `read_table` returns them. Raises `CommandError` when there is no database, and
    `TableError` when it has no such installs.
    """
    url = url or os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("data=postgres: set DATABASE_URL to the sidecar's Postgres.")
    time = sql.SQL('to_char(installed_at, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')')
    in_view = {schema.target.name: sql.SQL("revenue"), schema.id: sql.SQL("user_id")}
    in_view[schema.time] = time
    columns = []
    for name in (column.name for column in schema.columns):
        found = in_view.get(name) or sql.SQL("inputs->>{}").format(sql.Literal(name))
        columns.append(sql.SQL("{} AS {}").format(found, sql.Identifier(name)))
    query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY user_id) TO STDOUT (FORMAT csv, HEADER)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{_VIEW}.csv"
        try:
            with (
                closing(psycopg2.connect(url, connect_timeout=10)) as connection,
                connection.cursor() as cursor,
                path.open("wb") as file,
            ):
                cursor.execute("SET timezone = 'UTC'")
                statement = query.format(sql.SQL(", ").join(columns), sql.Identifier(_VIEW))
                cursor.copy_expert(statement, file)
        except psycopg2.errors.UndefinedTable:
            raise CommandError(
                f"data=postgres: no view {_VIEW}; start the sidecar once on this database."
            ) from None
        except psycopg2.Error as error:
            raise CommandError(
                f"data=postgres: the database does not answer ({first_line(error)})."
            ) from None
        if path.read_bytes().count(b"\n") < 2:
            raise TableError(
                "data=postgres: no install is 7 days old and labelled yet; post outcomes first."
            )
        return read_table(path, schema, labelled=True)
