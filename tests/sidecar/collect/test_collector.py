"""From the spool's files to Postgres: each row exactly once, whatever lies in the files."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revenue_model.model.schema import Schema
from revenue_model.prediction_log.journal import FIELDS
from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.reports.stats import Window, statistics
from revenue_model.sidecar.store.database import Database, execute
from tests.sidecar.conftest import Writer, query

Make = Callable[..., Writer]


def collect(collector: Collector) -> None:
    while collector.collect():
        pass


def stored(database: Database) -> int:
    [(count,)] = query(database, "SELECT count(*) FROM predictions")
    return int(str(count))


def by_value(database: Database, segment: str) -> list[tuple[object, ...]]:
    """The values of a segment and how many predictions each has."""
    return query(
        database,
        "SELECT value, predictions FROM prediction_counts "
        f"WHERE period = 'day' AND segment = '{segment}' ORDER BY value",
    )


def quarantined(database: Database) -> list[tuple[str, int, str, bytes]]:
    found = query(database, "SELECT name, read_from, reason, content FROM quarantine ORDER BY 1, 2")
    return [(str(n), int(str(at)), str(why), bytes(memoryview(c))) for n, at, why, c in found]  # type: ignore[arg-type]


def segment(folder: Path) -> Path:
    [path] = folder.glob("*.log")
    return path


def finish(writer: Writer) -> None:
    """End the writer's segment as a process does that is gone."""
    writer.spool._begin_process()


def test_a_row_is_stored_as_it_was_logged(
    collector: Collector, database: Database, writer: Make
) -> None:
    before = datetime.now(UTC)
    writer("4").log([1.25], country='a"b\\c\td\n', user_id=None, event_2=float("nan"))
    collect(collector)
    [row] = query(
        database,
        "SELECT user_id, model_name, model_version, model_id, row_number, status, "
        "predicted_revenue, revenue_low, inference_time_ms, error, inputs, predicted_at "
        "FROM predictions",
    )
    assert row[:10] == (None, "revenue", "4", "m-4", 1, "answered", 1.25, None, 2.0, None)
    inputs, predicted_at = row[10:]
    assert isinstance(inputs, dict)
    assert inputs["country"] == 'a"b\\c\td\n'
    assert inputs["event_2"] is None
    assert isinstance(predicted_at, datetime)
    assert before <= predicted_at <= datetime.now(UTC)


def test_what_grows_is_stored_once(
    collector: Collector, database: Database, writer: Make, folder: Path
) -> None:
    one = writer()
    for count in range(1, 4):
        one.log([1.0] * count)
        collect(collector)
        collect(collector)
    assert stored(database) == 6
    assert segment(folder).exists()


def test_many_rows_and_lines_of_megabytes_are_stored_once(
    collector: Collector, database: Database, writer: Make
) -> None:
    one = writer()
    one.log([1.0] * 30_000)  # several pieces, more than one commit
    one.log([2.0], source="x" * (3 << 20))
    one.log([3.0] * 3)
    collect(collector)
    found = query(
        database,
        "SELECT predicted_revenue, count(*), max(length(inputs->>'source')) FROM predictions "
        "GROUP BY 1 ORDER BY 1",
    )
    assert [row[:2] for row in found] == [(1.0, 30_000), (2.0, 1), (3.0, 3)]
    assert found[1][2] == 3 << 20
    now = datetime.now(UTC)
    window = Window.of(None, None, now + timedelta(hours=1))
    assert statistics(database, window, None, 10, now).total_predictions == 30_004


def test_a_complete_segment_is_deleted_once_it_is_stored(
    collector: Collector, database: Database, writer: Make, folder: Path
) -> None:
    one = writer()
    one.log([1.0] * 3)
    collect(collector)
    assert segment(folder).exists()
    finish(one)
    collect(collector)
    assert list(folder.iterdir()) == []
    assert stored(database) == 3


def test_another_collector_goes_on_where_the_last_one_stopped(
    collector: Collector, database: Database, writer: Make, folder: Path
) -> None:
    one = writer()
    one.log([1.0] * 3)
    collect(collector)
    one.log([1.0] * 2)
    successor = Collector(database, folder, poll_s=1, retention_days=90)
    collect(successor)
    assert stored(database) == 5
    assert successor.tally.snapshot().stored == 5


def test_two_collectors_of_one_spool_do_not_double_a_row(
    database: Database, writer: Make, folder: Path
) -> None:
    writers = [writer() for _ in range(3)]
    done = threading.Event()

    def work() -> None:
        mine = Collector(database, folder, poll_s=1, retention_days=90)
        while not done.is_set():
            mine.collect()
        collect(mine)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        for one in writers:
            one.log([1.0] * 7)
    for one in writers:
        finish(one)
    done.set()
    for thread in threads:
        thread.join()
    assert stored(database) == 40 * 3 * 7
    assert list(folder.iterdir()) == []


def test_collectors_of_several_hosts_share_the_counts(
    database: Database, writer: Make, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    writer().log([1.0, 2.0])
    shutil.copytree(folder, other)
    for path in other.iterdir():
        text = path.read_bytes().replace(b"-7", b"-7f", 1)
        path.rename(other / "host2-1-1.log").write_bytes(text)
    Collector(database, folder, poll_s=1, retention_days=90).collect()
    second = Collector(database, other, poll_s=1, retention_days=90)
    second.collect()
    assert second.tally.snapshot().stored + second.tally.snapshot().quarantined == 2


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b"garbage\n", "1 fields, expected 16"),
        (b"\n", "1 fields, expected 16"),
        (b"\\.\n", "1 fields, expected 16"),
        (b"\x00\xff\xfe" + b"\t" * 15 + b"\n", ""),
        (b"x" + b"\t" * 15 + b"\n", ""),
    ],
)
def test_a_damaged_line_is_set_aside_and_does_not_stop_the_rest(
    collector: Collector,
    database: Database,
    writer: Make,
    folder: Path,
    damage: bytes,
    reason: str,
) -> None:
    one = writer()
    one.log([1.0] * 5)
    finish(one)
    path = segment(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    offset = len(b"".join(lines[:3]))
    path.write_bytes(b"".join([*lines[:3], damage, *lines[3:]]))
    name = path.name
    collect(collector)
    assert stored(database) == 5
    [(file, at, why, content)] = quarantined(database)
    assert (file, at, content) == (name, offset, damage)
    assert reason in why
    assert collector.tally.snapshot().quarantined == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prediction_id", b"no-uuid"),
        ("row_number", b"many"),
        ("predicted_at", b"yesterday"),
        ("predicted_at", rb"\N"),
        ("predicted_revenue", b"much"),
        ("predicted_revenue", b"NaN"),
        ("model_version", rb"\N"),
        ("inputs", b"{"),
        ("inputs", b"[]"),
        ("inputs", rb"\N"),
        ("inputs", b'{"country":"\\\\u0000"}'),
        ("inputs", b'{"colour":"red"}'),
    ],
)
def test_a_wrong_field_sets_its_line_aside(
    collector: Collector,
    database: Database,
    writer: Make,
    folder: Path,
    field: str,
    value: bytes,
) -> None:
    one = writer()
    one.log([1.0] * 3)
    finish(one)
    path = segment(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    fields = lines[2].rstrip(b"\n").split(b"\t")
    fields[FIELDS.index(field)] = value
    lines[2] = b"\t".join(fields) + b"\n"
    path.write_bytes(b"".join(lines))
    collect(collector)
    assert stored(database) == 2
    [(_, _, why, content)] = quarantined(database)
    assert content == lines[2]
    assert why


def test_half_a_line_waits_while_its_writer_lives_and_is_set_aside_after(
    collector: Collector, database: Database, writer: Make, folder: Path
) -> None:
    one = writer()
    one.log([1.0, 1.0])
    path = segment(folder)
    half = path.read_bytes().splitlines()[-1][:40]
    with path.open("ab") as file:
        file.write(half)
    collect(collector)
    assert (stored(database), quarantined(database)) == (2, [])
    finish(one)
    collect(collector)
    [(_, _, reason, content)] = quarantined(database)
    assert (reason, content) == ("half a line", half)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("first", [b'{"format": 99}\n', b"garbage\n", b"\xff" * 100, b"{}\n"])
def test_a_file_that_is_no_segment_is_kept_in_quarantine(
    collector: Collector, database: Database, writer: Make, folder: Path, first: bytes
) -> None:
    writer().log([1.0])
    (folder / "stranger.log").write_bytes(first + b"what follows\n")
    collect(collector)
    [(name, at, reason, content)] = quarantined(database)
    assert (name, at, content) == ("stranger.log", 0, first + b"what follows\n")
    assert "header" in reason or "format 99" in reason
    assert stored(database) == 1
    assert not (folder / "stranger.log").exists()


def test_a_copy_of_a_stored_segment_doubles_nothing(
    collector: Collector, database: Database, writer: Make, folder: Path
) -> None:
    one = writer()
    one.log([1.0] * 3)
    finish(one)
    path = segment(folder)
    copy = path.read_bytes()
    collect(collector)
    (folder / "restored.log").write_bytes(copy)
    collect(collector)
    assert stored(database) == 3
    assert len(quarantined(database)) == 3
    [(total,)] = query(
        database,
        "SELECT sum(predictions) FROM prediction_counts WHERE segment = '' AND period = 'day'",
    )
    assert total == 3


def test_dropped_rows_reach_the_counts(
    collector: Collector, database: Database, writer: Make
) -> None:
    one = writer("2")
    one.log([1.0])
    collect(collector)
    one.spool._drop(5, "no room")
    collect(collector)
    collect(collector)
    dropped = query(
        database,
        "SELECT model_version, dropped FROM prediction_counts "
        "WHERE segment = '' AND period = 'day'",
    )
    assert dropped == [("2", 5)]
    assert collector.tally.snapshot().dropped == 5


def test_the_tally_adds_up_at_every_moment(
    collector: Collector, writer: Make, folder: Path
) -> None:
    one = writer()
    one.log([1.0] * 4)
    one.fail("refused", rows=2)
    (folder / "stranger.log").write_bytes(b"garbage\n")
    before = collector.tally.snapshot()
    assert (before.accepted, before.waiting, before.stored) == (7, 7, 0)
    assert 0 < before.lag_s < 60
    one.spool._drop(3, "no room")
    assert collector.tally.snapshot().dropped == 3
    collect(collector)
    after = collector.tally.snapshot()
    assert (after.stored, after.quarantined, after.dropped, after.waiting) == (6, 1, 3, 0)
    assert (after.accepted, after.lag_s, after.waiting_bytes) == (10, 0.0, 0)


def test_days_older_than_the_retention_are_dropped(
    collector: Collector, database: Database, writer: Make, folder: Path
) -> None:
    one = writer()
    one.log([1.0, 2.0])
    path = segment(folder)
    finish(one)
    old = (datetime.now(UTC) - timedelta(days=100)).date().isoformat().encode()
    lines = path.read_bytes().splitlines(keepends=True)
    logged_at = lines[1].split(b"\t")[FIELDS.index("predicted_at")].decode()
    today = datetime.fromisoformat(logged_at).date()  # midnight may have passed
    lines[1] = lines[1].replace(str(today).encode(), old)
    path.write_bytes(b"".join(lines))
    collect(collector)
    assert stored(database) == 2
    collector._forget()
    assert query(database, "SELECT predicted_at::date FROM predictions") == [(today,)]
    kept = query(
        database,
        "SELECT period, starts_at::date FROM prediction_counts WHERE segment = '' ORDER BY 1, 2",
    )
    assert kept == [
        ("day", date.fromisoformat(old.decode())),
        ("day", today),
        ("hour", today),
    ]


def test_a_segment_that_lost_its_writer_before_its_name_is_removed(
    collector: Collector, folder: Path
) -> None:
    old, young = folder / "host-1-1.new", folder / "host-2-2.new"
    for path in (old, young):
        path.write_bytes(b"{")
    os.utime(old, (0, 0))
    collect(collector)
    assert list(folder.iterdir()) == [young]


def test_one_role_only_writes_and_one_only_reads(
    collector: Collector, database: Database, writer: Make
) -> None:
    writer().log([1.0])
    collect(collector)

    def allowed(role: str, statement: str) -> bool:
        try:
            query(database, f"SET LOCAL ROLE {role}; {statement}")
        except psycopg2.errors.InsufficientPrivilege:
            return False
        return True

    assert allowed("revenue_reader", "SELECT count(*) FROM predictions")
    assert not allowed("revenue_reader", "DELETE FROM predictions RETURNING 1")
    insert = "INSERT INTO quarantine VALUES ('f', 0, 'why', '') RETURNING 1"
    assert not allowed("revenue_reader", insert)
    assert not allowed("revenue_writer", "SELECT count(*) FROM predictions")
    assert not allowed("revenue_writer", "DELETE FROM predictions RETURNING 1")
    assert allowed("revenue_writer", "SELECT create_partition('2026-01-01')")
    assert not allowed("revenue_writer", "SELECT forget_predictions_before('2026-01-01')")
    for view in ("realised_performance", "realised_versions", "training_installs"):
        assert allowed("revenue_reader", f"SELECT count(*) FROM {view}")
        assert not allowed("revenue_writer", f"SELECT count(*) FROM {view}")
    record = "SELECT * FROM record_outcomes('{u}', '{1}', '{NULL}')"
    assert allowed("revenue_writer", record)
    again = "INSERT INTO quarantine VALUES ('f', 0, 'why', '') ON CONFLICT (name, read_from) "
    assert allowed("revenue_writer", again + "DO NOTHING RETURNING 1")
    assert allowed("revenue_writer", "SELECT refresh_installs('installed_at')")
    assert not allowed("revenue_reader", record)
    assert not allowed("revenue_writer", "SELECT count(*) FROM outcomes")


def test_a_writer_cannot_put_a_table_of_its_own_in_the_place_of_ours(
    database: Database,
) -> None:
    query(
        database,
        "SET LOCAL ROLE revenue_writer; CREATE TEMP TABLE outcomes (user_id text PRIMARY KEY, "
        "revenue double precision, measured_at timestamptz, received_at timestamptz); "
        "SELECT * FROM record_outcomes('{u}', '{1}', '{NULL}')",
    )
    assert query(database, "SELECT user_id, revenue FROM public.outcomes") == [("u", 1.0)]


def test_who_reads_the_log_stops_neither_a_new_day_nor_the_figures(
    database: Database, folder: Path, writer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collect_anew() -> None:
        """As a sidecar does that has just started: it first drops what is too old."""
        collect(Collector(database, folder, poll_s=0.02, retention_days=90))

    one, day_ns = writer(), 86_400 * 10**9
    old_ns, now_ns = time.time_ns() - 100 * day_ns, time.time_ns()
    monkeypatch.setattr("revenue_model.prediction_log.writer.time.time_ns", lambda: old_ns)
    one.log([1.0])
    collect_anew()
    with database.transaction() as connection:
        execute(connection, "refresh", time_column="installed_at")
    monkeypatch.setattr("revenue_model.prediction_log.writer.time.time_ns", lambda: now_ns)
    one.log([2.0])
    with database.transaction() as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM predictions")
        collect_anew()
        assert stored(database) == 2
        with database.transaction() as other:
            execute(other, "refresh", time_column="installed_at")
            assert database.rows("realised")[0]["installs"] == 1
    collect_anew()
    assert stored(database) == 1


def test_a_collector_that_is_stopped_empties_the_spool(
    collector: Collector, database: Database, writer: Make
) -> None:
    for number in range(4):
        writer(str(number)).log([1.0] * 10_000)  # more than a commit takes of each
    collector.start()
    collector.stop()
    assert stored(database) == 40_000


def test_a_segment_may_be_called_as_an_output(
    collector: Collector, database: Database, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "studio.toml"
    path.write_text("[categorical.status]\nsegment = true\n[event.ads]\n[target.money]\n")
    Writer(folder, Schema.read(path), "1").log([1.0, 2.0], status="VIP", ads=3.0)
    collect(collector)
    assert by_value(database, "status") == [("vip", 2)]


def test_a_campaign_named_by_its_day_counts_under_one_name(
    collector: Collector, database: Database, writer: Make
) -> None:
    one = writer()
    one.log([1.0], source="2024-01-15")
    collect(collector)
    for source in ("2024-01-15", "Organic"):
        one.log([1.0], source=source)
    collect(collector)
    assert by_value(database, "source") == [("2024-01-15", 2), ("organic", 1)]


@pytest.mark.parametrize(
    ("field", "garbage"),
    [
        ("inference_time_ms", "inf"),
        ("inference_time_ms", r"\N"),
        ("predicted_revenue", "1.7e308"),
        ("predicted_revenue", "nan"),
        ("predicted_at", "0000-01-01T00:00:00Z"),
        ("inputs", '{"country": {"code": "us"}}'),
        ("inputs", '{"country": ' + "[" * 20_000 + "]" * 20_000 + "}"),
    ],
)
def test_what_cannot_be_counted_is_quarantined(
    collector: Collector,
    database: Database,
    writer: Make,
    folder: Path,
    field: str,
    garbage: str,
) -> None:
    one = writer()
    one.log([1.0, 2.0, 3.0])
    finish(one)
    path = segment(folder)
    head, first, second, third = path.read_bytes().splitlines(keepends=True)
    fields = second.rstrip(b"\n").split(b"\t")
    fields[FIELDS.index(field)] = garbage.encode()
    path.write_bytes(head + first + b"\t".join(fields) + b"\n" + third)
    collect(collector)
    assert stored(database) == 2
    [(_, _, _, content)] = quarantined(database)
    assert content == b"\t".join(fields) + b"\n"


def test_a_header_nested_without_end_is_quarantined(
    collector: Collector, database: Database, folder: Path
) -> None:
    (folder / "host-1-1.log").write_bytes(b"[" * 60_000)
    collect(collector)
    [(_, _, reason, _)] = quarantined(database)
    assert "no header of a journal" in reason


def test_a_spool_of_another_studio_is_counted_by_its_own_segments(
    collector: Collector, database: Database, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "studio.toml"
    path.write_text("[categorical.channel]\nsegment = true\n[event.ads]\n[target.money]\n")
    other = Writer(folder, Schema.read(path), "7")
    other.log([1.0, 2.0], channel="Video", ads=3.0)
    collect(collector)
    counted = query(
        database,
        "SELECT segment, value, predictions FROM prediction_counts WHERE period = 'day' "
        "ORDER BY segment",
    )
    assert counted == [("", "", 2), ("channel", "video", 2)]
    assert database.rows("segments", version="7") == [{"name": "channel"}]


def test_the_segments_of_the_latest_version_come_first(
    collector: Collector, database: Database, writer: Make, folder: Path, tmp_path: Path
) -> None:
    writer("1").log([1.0])
    collect(collector)
    path = tmp_path / "studio.toml"
    path.write_text(
        "[categorical.store]\nsegment = true\n[categorical.source]\nsegment = true\n"
        "[event.ads]\n[target.money]\n"
    )
    Writer(folder, Schema.read(path), "2").log([1.0], store="play", ads=3.0)
    collect(collector)
    names = [row["name"] for row in database.rows("segments", version=None)]
    assert names == ["store", "source", "country", "platform"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(garbage=st.lists(st.binary(min_size=1, max_size=60), max_size=4))
def test_any_bytes_between_the_lines_lose_and_double_nothing(
    collector: Collector,
    database: Database,
    writer: Make,
    folder: Path,
    garbage: list[bytes],
) -> None:
    before = stored(database)
    one = writer()
    one.log([1.0] * 4)
    finish(one)
    path = segment(folder)
    head, *lines = path.read_bytes().splitlines(keepends=True)
    mixed = [
        line for pair in zip(garbage, lines, strict=False) for line in (pair[0] + b"\n", pair[1])
    ]
    path.write_bytes(head + b"".join(mixed + lines[len(garbage) :]))
    collect(collector)
    assert stored(database) == before + 4
    assert list(folder.iterdir()) == []
