"""Tables gathered from chunks are as `read_table` reads them, and are written whole or not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from revenue_model.audit.audit import audit
from revenue_model.data import chunked as chunks
from revenue_model.data.chunked import partial_path, read_compact
from revenue_model.data.split import split
from revenue_model.data.table import read_table
from revenue_model.errors import TableError
from revenue_model.model.schema import Schema


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_CHUNK_ROWS", 400)


def written(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        pq.write_table(pa.Table.from_pandas(table), path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_values_are_those_of_read_table(
    installs: pd.DataFrame, schema: Schema, tmp_path: Path, suffix: str
) -> None:
    path = written(installs, tmp_path / f"installs.{suffix}")
    table, compact = read_table(path, schema, labelled=True), read_compact(path, schema)
    assert list(compact) == list(table)
    for name in table:
        known = compact[name].notna()
        assert (known == table[name].notna()).all(), name
        assert (compact[name][known].astype(table[name].dtype) == table[name][known]).all()
    sizes = [each.memory_usage(deep=True).sum() for each in (compact, table)]
    assert sizes[0] < sizes[1] / 3


def test_the_audit_of_a_part_says_the_same(
    installs: pd.DataFrame, schema: Schema, tmp_path: Path
) -> None:
    path = written(installs, tmp_path / "installs.parquet")
    table, compact = read_table(path, schema, labelled=True), read_compact(path, schema)
    first, again = (audit(split(each, schema, seed=1)["test"], schema) for each in (table, compact))
    assert first.text() == again.text()


def test_an_error_names_the_row_of_the_file(
    installs: pd.DataFrame, schema: Schema, tmp_path: Path
) -> None:
    revenue = installs["revenue"].where(installs.index != 1007, -1)
    wrong = installs.assign(revenue=revenue)
    ids = installs["user_id"].where(installs.index != 2500, installs["user_id"].iloc[3])
    for table, suffix, expected in [
        (wrong, "parquet", "column 'revenue', row 1008: expected a number of 0 or more"),
        (wrong, "csv", "column 'revenue', line 1009: expected a number of 0 or more"),
        (installs.assign(user_id=ids), "parquet", "row 2501: expected every install once"),
        (installs.drop(columns="event_1"), "parquet", "column 'event_1' is missing"),
        (installs.head(0), "parquet", "has a header but no rows"),
    ]:
        path = written(table, tmp_path / f"wrong.{suffix}")
        with pytest.raises(TableError, match=expected):
            read_compact(path, schema)


@pytest.mark.parametrize("stood", ["nothing", "a file"])
def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path, stood: str) -> None:
    out = tmp_path / "new" / "table.csv"
    if stood == "a file":
        out.parent.mkdir()
        out.write_text("the last one")
    with partial_path(out) as part:
        part.write_text("half")
        assert not out.exists() or out.read_text() == "the last one"
    assert out.read_text() == "half"
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("stood", ["nothing", "a file", "a folder"])
def test_a_folder_takes_the_place_of_what_stood_there(tmp_path: Path, stood: str) -> None:
    out = tmp_path / "table.parquet"
    if stood == "a file":
        out.write_text("the last one")
    elif stood == "a folder":
        out.mkdir()
        (out / "old").touch()
    with partial_path(out) as part:
        part.mkdir()
        (part / "new").touch()
    assert list(tmp_path.iterdir()) == [out]
    assert list(out.iterdir()) == [out / "new"]


@pytest.mark.parametrize("folder", [False, True])
def test_after_a_failure_what_stood_there_stands_there_still(tmp_path: Path, folder: bool) -> None:
    out = tmp_path / "table.csv"
    out.write_text("the last one")

    def fail() -> None:
        with partial_path(out) as part:
            if folder:
                part.mkdir()
            else:
                part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_text() == "the last one"
