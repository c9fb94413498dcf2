"""Older databases become this version's, wholly or not at all; a newer one is left alone."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.outcomes.refresher import Refresher
from revenue_model.sidecar.registry import NoProfile
from revenue_model.sidecar.reports.drift_report import examine
from revenue_model.sidecar.reports.stats import Window, statistics
from revenue_model.sidecar.store.database import Database
from revenue_model.sidecar.store.migrate import MIGRATIONS, NewerDatabase, migrate
from tests.sidecar.conftest import query

HERE = Path(__file__).parent
ANSWERED = json.loads((HERE / "released.json").read_text())
END = datetime(2026, 1, 6, 4, tzinfo=UTC)


class NoRegistry:
    def profile(self, version: str) -> dict[str, Any]:
        raise NoProfile("none")


@pytest.fixture
def released(database_url: str) -> Database:
    """A database of the version that had no migrations."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute((HERE / "released.sql").read_text())
    connection.close()
    return Database(database_url)


def stats(database: Database, group_by: str) -> dict[str, Any]:
    window = Window.of(END - timedelta(days=2), END, END)
    answer = statistics(database, window, group_by, 100, END)
    return dict(json.loads(answer.model_dump_json()))


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name != "as_of"} for row in rows]


def applied(database: Database) -> list[object]:
    return [file for (file,) in query(database, "SELECT file FROM schema_versions ORDER BY 1")]


def answers_as_before(database: Database) -> None:
    """`/stats` and `/drift` are what the released version answered."""
    for group_by in ("country", "model_version"):
        wanted, found = dict(ANSWERED[f"stats by {group_by}"]), stats(database, group_by)
        for name in ("realised", "compared"):
            assert without_times(found.pop(name)) == without_times(wanted.pop(name))
        assert [column["name"] for column in found.pop("segments")] == [
            "country",
            "source",
            "platform",
        ]
        assert found == wanted
    report = examine(database, NoRegistry(), END, timedelta(hours=3), None)  # type: ignore[arg-type]
    assert json.loads(report.model_dump_json()) == ANSWERED["drift"]


def refreshes_as_before(database: Database) -> None:
    """What was waiting becomes the installs and figures that the released version made."""
    Refresher(database, "installed_at", 60).refresh()
    figures = stats(database, "country")
    for name, wanted in ANSWERED["refreshed"].items():
        assert without_times(figures[name]) == without_times(wanted)
    installs = query(
        database,
        "SELECT user_id, model_version, predicted_revenue, segments FROM installs ORDER BY 1, 2",
    )
    assert [list(row) for row in installs] == ANSWERED["installs"]
    performance = query(
        database,
        "SELECT model_version, install_day::text, country, source, platform, installs, "
        "labelled, real_sum FROM realised_performance ORDER BY 1, 2, 3, 4, 5",
    )
    assert [list(row) for row in performance] == ANSWERED["performance"]


def test_a_released_database_answers_the_same_after_the_upgrade(released: Database) -> None:
    migrate(released)
    assert applied(released) == sorted(MIGRATIONS)
    answers_as_before(released)
    refreshes_as_before(released)


def test_two_that_start_at_once_upgrade_it_once(released: Database, database_url: str) -> None:
    problems: list[Exception] = []

    def start() -> None:
        try:
            migrate(Database(database_url))
        except psycopg2.Error as error:
            problems.append(error)

    for _ in range(2):
        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    assert applied(released) == sorted(MIGRATIONS)
    refreshes_as_before(released)


@pytest.mark.parametrize("file", sorted(MIGRATIONS))
def test_an_interrupted_migration_leaves_nothing_and_is_done_by_the_next_start(
    released: Database, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    tables = "SELECT attrelid::regclass::text, attname FROM pg_attribute ORDER BY 1, 2"
    before = query(released, tables)
    cut = MIGRATIONS[file] + "; SELECT pg_terminate_backend(pg_backend_pid())"
    with monkeypatch.context() as patch:
        patch.setitem(MIGRATIONS, file, cut)
        with pytest.raises(psycopg2.Error):
            migrate(released)
    if file == min(MIGRATIONS):
        assert query(released, tables) == before
    else:
        assert applied(released) == [name for name in sorted(MIGRATIONS) if name < file]
    migrate(released)
    assert applied(released) == sorted(MIGRATIONS)
    answers_as_before(released)


def test_a_changed_view_reaches_a_database_that_has_the_old_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        MIGRATIONS,
        "9998_view.sql",
        "DROP MATERIALIZED VIEW realised_performance;"
        "CREATE MATERIALIZED VIEW realised_performance AS SELECT 'new' AS age",
    )
    migrate(database)
    assert query(database, "SELECT age FROM realised_performance") == [("new",)]


def test_a_newer_database_is_refused_by_name(database: Database, collector: Collector) -> None:
    query(database, "INSERT INTO schema_versions VALUES ('9999_cohorts.sql') RETURNING 1")
    with pytest.raises(NewerDatabase, match=r"does not know 9999_cohorts\.sql"):
        migrate(database)
    collector._round()
    assert "9999_cohorts.sql" in collector.problem


def test_a_start_with_nothing_to_do_waits_for_nobody(database: Database) -> None:
    with database.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE predictions, installs, prediction_counts")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('revenue_model.schema'))")
        start = threading.Thread(target=migrate, args=(database,), daemon=True)
        start.start()
        start.join(20)
        assert not start.is_alive()


def test_counts_that_an_older_version_left_as_arrays_answer_the_same(
    released: Database,
) -> None:
    with released.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION pg_temp.counts(packed numeric, buckets integer) RETURNS integer[]
            LANGUAGE sql AS $$
                SELECT array_agg(
                    substr(lpad(packed::text, 12 * buckets, '0'), 12 * i + 1, 12)::integer
                    ORDER BY i DESC
                )
                FROM generate_series(0, buckets - 1) AS i
            $$;
            CREATE FUNCTION pack_histogram(integer[]) RETURNS bytea
            LANGUAGE sql IMMUTABLE AS $$ SELECT ''::bytea $$;
            ALTER TABLE prediction_counts
                ALTER revenue_histogram TYPE integer[]
                    USING pg_temp.counts(revenue_histogram, 64),
                ALTER inference_histogram TYPE integer[]
                    USING pg_temp.counts(inference_histogram, 40);
            ALTER TABLE prediction_counts ADD revenue_packed bytea
                GENERATED ALWAYS AS (pack_histogram(revenue_histogram)) STORED;
            """
        )
    migrate(released)
    answers_as_before(released)


def test_installs_from_before_the_comparison_are_filled_again(released: Database) -> None:
    query(
        released,
        "ALTER TABLE installs DROP COLUMN shadow CASCADE; "
        "ALTER TABLE installs DROP COLUMN request_id, DROP COLUMN row_number; SELECT 1",
    )
    migrate(released)
    refreshes_as_before(released)
