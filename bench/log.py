"""The prediction log: what it costs a request, how fast it is stored, how soon it answers."""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import httpx
import numpy as np
import pandas as pd
import psycopg2
from psycopg2 import sql

from bench import prepare
from bench.prepare import SCHEMA, STATE
from bench.serving import Server, running
from revenue_model.model.fast_path import MIN_ARRAY_ROWS
from revenue_model.prediction_log.journal import Provenance
from revenue_model.prediction_log.writer import JournalWriter
from revenue_model.sidecar.collect.collector import COPY, Collector
from revenue_model.sidecar.store.database import Database, execute
from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres
from revenue_model.sidecar.store.migrate import migrate

_SINGLES = 5_000
_LARGE_REQUEST = 10_000  # rows
_REQUEST = 500  # rows of a request whose lines are stored
_STORED = 300_000  # rows a round
_ASKED = 300
_DAYS = 30
_FIRST_LOOK_S = 20  # after which the sidecar has looked for drift, for which it loads MLflow


def measure(rounds: int, rows: int, large: bool) -> dict[str, Any]:
    STATE.mkdir(parents=True, exist_ok=True)
    prepare.champion()
    table = pd.read_parquet(prepare.installs(1_000_000))
    table[SCHEMA.time] = table[SCHEMA.time].astype(str)  # as JSON brings it
    postgres = EmbeddedPostgres(STATE / "postgres")
    try:
        turns = []
        for turn in range(rounds):
            print(f"Round {turn + 1} of {rounds}: append, collect, COPY", flush=True)
            turns.append(_append(table) | _store(postgres, table))
        sizes = (100_000, rows * (10 if large else 1))
        stats = {str(size): _stats(postgres, table, size) for size in sizes}
    finally:
        postgres.stop()
    return {"turns": turns, "stats": stats}


def _append(table: pd.DataFrame) -> dict[str, float]:
    """Microseconds that a request waits for its lines: one row, and a row of many."""
    with _spool() as (spool, _):
        single = median(_timed(spool, table.iloc[i : i + 1]) for i in range(_SINGLES))
        many = median(_timed(spool, table.iloc[:_LARGE_REQUEST]) for _ in range(20))
    return {"single_us": single * 1e6, "of_many_us": many * 1e6 / _LARGE_REQUEST}


def _store(postgres: EmbeddedPostgres, table: pd.DataFrame) -> dict[str, float]:
    """Rows a second of the collector, and of a bare COPY of the same lines into the table."""
    with _spool() as (spool, folder), _database(postgres) as (database, _):
        _write(spool, table, _STORED)
        lines = b"".join(
            path.read_bytes().partition(b"\n")[2] for path in sorted(folder.glob("*.log"))
        )
        collected = _collect(database, folder, _STORED)
    with _database(postgres) as (database, _):
        migrate(database)
        with database.transaction() as connection, connection.cursor() as cursor:
            day = time.strftime("%Y-%m-%d", time.gmtime())
            execute(connection, "create_partitions", days=[day])
            start = time.perf_counter()
            cursor.copy_expert(COPY, io.BytesIO(lines))
            connection.commit()
            copied = time.perf_counter() - start
    return {"collected_s": _STORED / collected, "copied_s": _STORED / copied}


def _stats(postgres: EmbeddedPostgres, table: pd.DataFrame, rows: int) -> dict[str, Any]:
    """Milliseconds of `/stats` when `rows` rows of the last days are stored."""
    print(f"/stats over {rows:,} rows", flush=True)
    with _spool() as (spool, folder), _database(postgres) as (database, url):
        chunk = 500_000
        for start in range(0, rows, chunk):
            some = min(chunk, rows - start)
            _write(spool, table, some, (start / rows, (start + some) / rows))
            _collect(database, folder, start + some)
        sidecar = Server(
            "sidecar",
            [sys.executable, "-m", "revenue_model.sidecar.app", "--port", "PORT"],
            {"DATABASE_URL": url, "REVENUE_PREDICTION_LOG": str(folder)},
            path="",
            ready="/stats",
        )
        start_at = datetime.now(UTC) - timedelta(days=_DAYS)
        questions = {
            "the default window": {},
            f"by country over {_DAYS} days": {"group_by": "country", "start": str(start_at)},
        }
        with running(sidecar) as (address, _), httpx.Client(base_url=address) as client:
            time.sleep(_FIRST_LOOK_S)
            while not _refreshed(database):  # a month's installs, which came at once
                time.sleep(1)
            return {name: _asked(client, given) for name, given in questions.items()}


def _refreshed(database: Database) -> bool:
    with database.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM refreshed_hours)")
        [[refreshed]] = cursor.fetchall()
        return bool(refreshed)


def _asked(client: httpx.Client, given: dict[str, str]) -> dict[str, float]:
    took = []
    for _ in range(_ASKED):
        start = time.perf_counter()
        client.get("/stats", params=given).raise_for_status()
        took.append((time.perf_counter() - start) * 1000)
    return {"p50": median(took), "p99": float(np.quantile(took, 0.99))}


@contextmanager
def _spool() -> Iterator[tuple[JournalWriter, Path]]:
    with tempfile.TemporaryDirectory(dir=STATE) as name:
        provenance, columns = Provenance("revenue", "1", "m-1"), SCHEMA.logged_columns()
        yield JournalWriter(Path(name), provenance, columns, max_bytes=100 << 30), Path(name)


@contextmanager
def _database(postgres: EmbeddedPostgres) -> Iterator[tuple[Database, str]]:
    """An empty database of its own."""
    name = f"bench_{time.time_ns()}"
    connection = psycopg2.connect(postgres.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgres.url.replace("/postgres?", f"/{name}?")
    database = Database(url)
    try:
        yield database, url
    finally:
        database.close()
        with connection.cursor() as cursor:
            drop = "DROP DATABASE {} WITH (FORCE)"
            cursor.execute(sql.SQL(drop).format(sql.Identifier(name)))
        connection.close()


def _write(
    spool: JournalWriter,
    table: pd.DataFrame,
    rows: int,
    share: tuple[float, float] | None = None,
) -> None:
    """Log `rows` rows as of now, or spread over a share of the last days."""
    now = time.time_ns()
    requests = range(0, rows, _REQUEST)
    for number, start in enumerate(requests):
        at = now + number  # journals are named by it
        if share:
            part = share[0] + (share[1] - share[0]) * number / len(requests)
            at -= int((1 - part) * _DAYS * 86_400e9)
        place = start % (len(table) - _REQUEST)
        with patch("revenue_model.prediction_log.copy_format.time.time_ns", lambda at=at: at):
            _timed(spool, table.iloc[place : place + min(_REQUEST, rows - start)])


def _timed(spool: JournalWriter, installs: pd.DataFrame) -> float:
    few = len(installs) < MIN_ARRAY_ROWS  # the model hands lists on then
    columns: dict[str, Any] = {
        name: values.tolist() if few else values.to_numpy() for name, values in installs.items()
    }
    outputs = {"predicted_revenue": installs[SCHEMA.target.name].to_numpy(np.float64)}
    start = time.perf_counter()
    spool.append(columns, outputs, request_id="bench", inference_time_s=0.002)
    return time.perf_counter() - start


def _collect(database: Database, folder: Path, rows: int) -> float:
    """Seconds until all that lies in `folder` is stored: `rows` rows since the first."""
    collector = Collector(database, folder, poll_s=1, retention_days=90)
    migrate(database)
    start = time.perf_counter()
    while collector.collect():
        pass
    took = time.perf_counter() - start
    if (stored := collector.tally.snapshot().stored) != rows:
        sys.exit(f"error: {stored} of {rows} rows are stored.")
    return took


def report(results: dict[str, Any]) -> list[str]:
    turns, stats = results["turns"], results["stats"]

    def spread(values: list[float], digits: int) -> str:
        low, high = min(values), max(values)
        return f"{median(values):,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"

    def of(name: str) -> list[float]:
        return [turn[name] for turn in turns]

    ratios = [turn["collected_s"] / turn["copied_s"] for turn in turns]
    lines = [
        "| | |",
        "|---|---|",
        f"| append, a single row, µs at the median | {spread(of('single_us'), 1)} |",
        f"| append, a row of {_LARGE_REQUEST:,}, µs | {spread(of('of_many_us'), 2)} |",
        f"| collector, rows a second | {spread(of('collected_s'), 0)} |",
        f"| bare `COPY` of the same lines, rows a second | {spread(of('copied_s'), 0)} |",
        f"| collector over `COPY` | {spread(ratios, 2)} |",
        "",
        "`GET /stats`, milliseconds, predictions spread over 30 days:",
        "",
        "| rows stored | asked for | p50 | p99 |",
        "|---|---|---|---|",
    ]
    for rows, questions in stats.items():
        for name, took in questions.items():
            lines.append(f"| {int(rows):,} | {name} | {took['p50']:.1f} | {took['p99']:.1f} |")
    return lines
