"""The prediction log's files: what is written, and what never disturbs a prediction."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from revenue_model.model.schema import Schema
from revenue_model.prediction_log.journal import FIELDS, Header, LoggedColumns, Provenance
from revenue_model.prediction_log.writer import JournalWriter

PROVENANCE = Provenance("revenue", "3", "m-1")
INSTALL: dict[str, Any] = {
    "country": "na",
    "country_region": None,
    "source": "Organic",
    "platform": "iOS",
    "device_family": "Apple iPhone",
    "os_version": "14.4",
    "event_1": 0.0,
    "event_2": float("nan"),
    "event_3": 1e12,
    "user_id": "u-1",
}
AWKWARD = [
    'a"b',
    "tab\there",
    "line\nbreak\r",
    "back\\slash",
    r"\N",
    "\x00nul",
    "日本",
    "",
    "a\ud800",
]


@pytest.fixture
def columns(schema: Schema) -> LoggedColumns:
    return schema.logged_columns()


@pytest.fixture
def writer(tmp_path: Path, columns: LoggedColumns) -> JournalWriter:
    return JournalWriter(tmp_path, PROVENANCE, columns, max_bytes=1 << 30)


def log(writer: JournalWriter, rows: int = 1, request_id: str = "", **columns: Any) -> None:
    """Log `rows` rows as the model does: lists for few rows, arrays for many."""
    values = {name: [value] * rows for name, value in INSTALL.items()} | columns
    revenue = np.arange(rows, dtype=np.float64) + 0.5
    inputs: dict[str, Any] = values
    if rows >= 100:
        inputs = {name: pd.Series(column).to_numpy() for name, column in values.items()}
    outputs = {"predicted_revenue": revenue}
    writer.append(inputs, outputs, request_id=request_id, inference_time_s=0.0025)


def journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def header(folder: Path) -> Header:
    return Header.parse(journals(folder)[0].read_bytes().splitlines(keepends=True)[0])


def rows(folder: Path) -> list[dict[str, Any]]:
    """What a slow reading of the files by the rules of COPY gives."""
    lines = [line for path in journals(folder) for line in _lines(path)]
    return [dict(zip(FIELDS, map(_value, line.split("\t")), strict=True)) for line in lines]


def _lines(path: Path) -> Iterator[str]:
    _, *lines, last = path.read_bytes().decode().split("\n")
    assert last == ""
    yield from lines


def _value(field: str) -> str | None:
    if field == r"\N":
        return None
    escaped = {"\\\\": "\\", r"\t": "\t", r"\n": "\n", r"\r": "\r"}
    text, i = "", 0
    while i < len(field):
        text += escaped.get(field[i : i + 2], field[i])
        i += 2 if field[i : i + 2] in escaped else 1
    return text


def test_a_row_says_which_model_predicted_what_from_what_and_when(
    writer: JournalWriter, tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    log(writer, request_id="r-7")
    [row] = rows(tmp_path)
    assert before <= datetime.fromisoformat(row.pop("predicted_at")) <= datetime.now(UTC)
    assert uuid.UUID(row.pop("prediction_id")).version == 7
    assert json.loads(row.pop("inputs")) == {
        "country": "na",
        "country_region": None,
        "source": "Organic",
        "platform": "iOS",
        "device_family": "Apple iPhone",
        "os_version": "14.4",
        "event_1": 0,
        "event_2": None,
        "event_3": 1e12,
    }
    assert row == {
        "request_id": "r-7",
        "row_number": "1",
        "user_id": "u-1",
        "model_name": "revenue",
        "model_version": "3",
        "model_id": "m-1",
        "inference_time_ms": "2.5000",
        "status": "answered",
        "predicted_revenue": "0.5",
        "revenue_low": None,
        "revenue_high": None,
        "payer_probability": None,
        "error": None,
    }


@pytest.mark.parametrize("count", [9, 900, 1800])
def test_awkward_text_comes_back_from_few_and_from_many_rows(
    writer: JournalWriter, tmp_path: Path, count: int
) -> None:
    texts = AWKWARD * (count // len(AWKWARD))
    log(writer, count, country=texts, user_id=texts)
    wanted = [text.replace("\x00", "").replace("\ud800", "?") for text in texts]
    logged = rows(tmp_path)
    assert [json.loads(row["inputs"])["country"] for row in logged] == wanted
    assert [row["user_id"] for row in logged] == wanted


@pytest.mark.parametrize("column", ["country", "event_2", "installed_at"])
def test_many_rows_are_written_as_few_rows_are(
    tmp_path: Path, columns: LoggedColumns, column: str
) -> None:
    values: dict[str, list[Any]] = {
        "country": ["us", None, 'a"b', "\\"],
        "event_2": [0.0, 1.5, float("nan"), float("inf")],
        "installed_at": [datetime(2026, 1, day, 3, 4, 5) for day in (1, 2, 3, 4)],
    }
    written = {}
    for count in (4, 400, 1600):
        folder = tmp_path / str(count)
        given: dict[str, Any] = {column: values[column] * (count // 4)}
        log(
            JournalWriter(folder, PROVENANCE, columns, max_bytes=1 << 30),
            count,
            **given,
        )
        inputs = [json.loads(row["inputs"])[column] for row in rows(folder)]
        written[count] = [v[:19] if isinstance(v, str) else v for v in inputs]
    assert written[400] == written[4] * 100
    assert written[1600] == written[4] * 400


def test_a_large_request_of_mixed_types_is_logged(writer: JournalWriter, tmp_path: Path) -> None:
    log(writer, 1200, country=["us", 1, None] * 400)
    inputs = [json.loads(row["inputs"]) for row in rows(tmp_path)]
    assert [row["country"] for row in inputs] == ["us", 1, None] * 400


@pytest.mark.parametrize("count", [1, 1200])
@pytest.mark.parametrize("name", ["100%", "%s", "%(a)s", 'a "b"', "a\\b"])
def test_a_column_may_have_any_name(
    tmp_path: Path, columns: LoggedColumns, name: str, count: int
) -> None:
    columns = replace(columns, inputs=(*columns.inputs, name))
    writer = JournalWriter(tmp_path, PROVENANCE, columns, max_bytes=1 << 30)
    given: dict[str, Any] = {name: ["na"] * count}
    log(writer, count, **given)
    assert all(json.loads(row["inputs"])[name] == "na" for row in rows(tmp_path))


def test_prediction_ids_are_unique_and_ordered_by_time(
    writer: JournalWriter, tmp_path: Path
) -> None:
    for count in (1, 150, 3):
        log(writer, count)
    ids = [str(row["prediction_id"]) for row in rows(tmp_path)]
    assert len(set(ids)) == 154
    starts = [identity[:13] for identity in ids]
    assert starts == sorted(starts)
    assert [row["row_number"] for row in rows(tmp_path)][-3:] == ["1", "2", "3"]


def test_rows_without_a_request_id_share_one_of_their_own(
    writer: JournalWriter, tmp_path: Path
) -> None:
    log(writer, 2)
    log(writer, 2)
    first, second, third, fourth = (row["request_id"] for row in rows(tmp_path))
    assert first == second != third == fourth


def test_all_outputs_that_were_asked_for_are_logged(writer: JournalWriter, tmp_path: Path) -> None:
    names = ("predicted_revenue", "revenue_low", "revenue_high", "payer_probability")
    outputs = {name: np.array([i + 0.25]) for i, name in enumerate(names)}
    outputs["contribution_event_1"] = np.array([9.0])
    writer.append({"country": ["us"]}, outputs, request_id="", inference_time_s=0.001)
    [row] = rows(tmp_path)
    assert [row[name] for name in names] == ["0.25", "1.25", "2.25", "3.25"]
    assert json.loads(row["inputs"]) == {"country": "us"}


@pytest.mark.parametrize("count", [2, 200])
def test_a_refused_request_is_logged_with_its_reason(
    writer: JournalWriter, tmp_path: Path, count: int
) -> None:
    values = {name: [value] * count for name, value in INSTALL.items()}
    writer.append_failure(values, "wrong\tvalue", request_id="r", inference_time_s=0.001)
    logged = rows(tmp_path)
    assert len(logged) == count
    assert {row["error"] for row in logged} == {"wrong\tvalue"}
    assert {row["status"] for row in logged} == {"failed"}
    assert {row["predicted_revenue"] for row in logged} == {None}


def test_a_request_without_rows_leaves_no_line(writer: JournalWriter, tmp_path: Path) -> None:
    writer.append({}, {"predicted_revenue": np.array([])}, request_id="", inference_time_s=0)
    writer.append_failure({}, "no columns", request_id="", inference_time_s=0)
    assert journals(tmp_path) == []


def test_the_header_says_who_writes_what(
    writer: JournalWriter, tmp_path: Path, columns: LoggedColumns
) -> None:
    log(writer)
    written = header(tmp_path)
    assert (written.pid, written.provenance, written.dropped) == (os.getpid(), PROVENANCE, 0)
    assert written.segments == ("country", "source", "platform")
    assert written.columns == columns.inputs


@pytest.mark.parametrize(
    "line",
    [b"", b"garbage", b"\xff\xfe", b"[]", b'"text"', b"{}", b'{"format": 1}', b'{"format": 2}'],
)
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|format"):
        Header.parse(line)


def test_a_full_journal_is_left_for_the_next(tmp_path: Path, columns: LoggedColumns) -> None:
    writer = JournalWriter(tmp_path, PROVENANCE, columns, max_bytes=64 * 10_000)
    for _ in range(100):
        log(writer)
    assert len(journals(tmp_path)) > 2
    assert len(rows(tmp_path)) == 100


def test_an_old_journal_is_left_for_the_next(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(writer)
    monkeypatch.setattr("revenue_model.prediction_log.writer._MAX_AGE_S", 0.0)
    log(writer)
    assert len(journals(tmp_path)) == 2


def test_at_the_cap_rows_are_dropped_and_counted(
    tmp_path: Path,
    columns: LoggedColumns,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("revenue_model.prediction_log.writer._LOG_EVERY_S", 3600.0)
    writer = JournalWriter(tmp_path, PROVENANCE, columns, max_bytes=20_000)
    with caplog.at_level(logging.ERROR):
        for _ in range(200):
            log(writer)
    used = sum(path.stat().st_size for path in journals(tmp_path))
    assert used < 20_000 * 1.1
    logged = len(rows(tmp_path))
    counted = sum(
        Header.parse(path.read_bytes().splitlines()[0]).dropped for path in journals(tmp_path)
    )
    assert 0 < logged < 200
    assert logged + counted == 200
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # not one a row
    for path in journals(tmp_path):
        path.unlink()
    log(writer)
    assert len(rows(tmp_path)) == 1


def test_rows_dropped_without_any_journal_are_counted_by_the_next(
    tmp_path: Path, columns: LoggedColumns
) -> None:
    folder = tmp_path / "spool"
    folder.write_text("no folder")
    writer = JournalWriter(folder, PROVENANCE, columns, max_bytes=1 << 30)
    log(writer)
    log(writer, 200)
    folder.unlink()
    log(writer)
    assert header(folder).dropped == 201
    assert len(rows(folder)) == 1
    assert writer.dropped == 0


def test_a_full_disk_drops_and_counts_rows_exactly(tmp_path: Path, columns: LoggedColumns) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here: needs Linux and its administrator")
    try:
        writer = JournalWriter(disk, PROVENANCE, columns, max_bytes=1 << 30)
        for count in [7] * 100 + [150] * 5:
            log(writer, count)
        logged = len(rows(disk))
        assert 0 < logged < 1450
        assert logged + header(disk).dropped == 1450
        assert os.statvfs(disk).f_bavail == 0
    finally:
        del writer
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_what_cannot_be_written_as_a_row_is_dropped_not_raised(
    writer: JournalWriter, tmp_path: Path
) -> None:
    log(writer)
    outputs = {"predicted_revenue": np.array([1.0, 2.0])}
    writer.append({"country": ["only one"]}, outputs, request_id="", inference_time_s=0.001)
    assert header(tmp_path).dropped == 2
    assert len(rows(tmp_path)) == 1


def test_threads_write_whole_lines(writer: JournalWriter, tmp_path: Path) -> None:
    def work() -> None:
        for count in [1, 120] * 20:
            log(writer, count)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(tmp_path)) == 4 * 20 * 121


def test_a_forked_process_writes_to_a_journal_of_its_own(
    writer: JournalWriter, tmp_path: Path
) -> None:
    log(writer)
    child = os.fork()
    if not child:
        log(writer, 2)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    log(writer)
    assert [len(list(_lines(path))) for path in journals(tmp_path)] == [2, 2]


def test_a_cap_that_is_no_number_is_named(
    columns: LoggedColumns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVENUE_PREDICTION_LOG", str(tmp_path))
    monkeypatch.setenv("REVENUE_PREDICTION_LOG_MAX_BYTES", "10 GB")
    with pytest.raises(ValueError, match=r"must be a number of bytes, got '10 GB'"):
        JournalWriter.from_environment(PROVENANCE, columns)


def test_without_a_folder_named_nothing_is_logged(
    columns: LoggedColumns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REVENUE_PREDICTION_LOG", raising=False)
    assert JournalWriter.from_environment(PROVENANCE, columns) is None
    monkeypatch.setenv("REVENUE_PREDICTION_LOG", str(tmp_path / "new"))
    writer = JournalWriter.from_environment(PROVENANCE, columns)
    assert writer is not None
    log(writer)
    assert len(rows(tmp_path / "new")) == 1
