"""A table is read as it was written, or refused in one line that says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revenue_model.data.chunked import read_compact
from revenue_model.data.table import read_table
from revenue_model.errors import TableError
from revenue_model.model.schema import Schema

HEADER = (
    "user_id,country,country_region,source,platform,device_family,os_version,"
    "event_1,event_2,event_3,revenue"
)
GOOD = "u1,na,Khomas,Organic,iOS,Apple iPhone,14.10,0,12,,0.25"


def write(folder: Path, *lines: str, name: str = "installs.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refusal(path: Path, schema: Schema) -> str:
    with pytest.raises(TableError) as raised:
        read_table(path, schema, labelled=True)
    message = str(raised.value)
    assert str(path) in message and "\n" not in message
    return message


def test_values_arrive_as_written(tmp_path: Path, schema: Schema) -> None:
    table = read_table(write(tmp_path, HEADER, GOOD), schema, labelled=True)
    row = table.iloc[0]
    assert row["country"] == "na"
    assert row["os_version"] == "14.10"
    assert row["event_2"] == 12.0 and np.isnan(row["event_3"])
    assert row["revenue"] == 0.25


def test_csv_and_parquet_give_the_same_table(
    tmp_path: Path, schema: Schema, installs: pd.DataFrame
) -> None:
    installs.to_csv(tmp_path / "a.csv", index=False)
    installs.to_parquet(tmp_path / "a.parquet")
    from_csv = read_table(tmp_path / "a.csv", schema, labelled=True)
    from_parquet = read_table(tmp_path / "a.parquet", schema, labelled=True)
    pd.testing.assert_frame_equal(from_csv, from_parquet)
    pd.testing.assert_frame_equal(from_csv, installs, check_dtype=False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            GOOD.replace(",12,", ",twelve,"),
            "column 'event_2', line 4: expected a number, got 'twelve'",
        ),
        (
            GOOD.replace(",12,", ",-3,"),
            "column 'event_2', line 4: expected a number of 0 or more",
        ),
        (
            GOOD.replace("0.25", "-0.25"),
            "column 'revenue', line 4: expected a number of 0 or more",
        ),
        (GOOD.replace("0.25", "inf"), "column 'revenue', line 4: expected a finite number"),
        (GOOD.replace("0.25", ""), "column 'revenue', line 4: expected a revenue"),
        (
            GOOD,
            "column 'user_id', line 4: expected every install once, got 'u1 again, "
            "first in line 2'",
        ),
    ],
)
def test_a_wrong_value_is_named_by_file_column_and_line(
    tmp_path: Path, schema: Schema, line: str, expected: str
) -> None:
    if line != GOOD:
        line = line.replace("u1", "u3")
    path = write(tmp_path, HEADER, GOOD, GOOD.replace("u1", "u2"), line)
    assert expected in refusal(path, schema)


def test_the_line_is_counted_over_quoted_line_breaks(tmp_path: Path, schema: Schema) -> None:
    broken = GOOD.replace("Khomas", '"Kho\nmas"')
    path = write(tmp_path, HEADER, broken, GOOD.replace("u1", "u2").replace(",12,", ",x,"))
    assert "column 'event_2', line 4:" in refusal(path, schema)


def test_a_missing_column_is_named(tmp_path: Path, schema: Schema) -> None:
    path = write(tmp_path, HEADER.replace("source,", ""), GOOD.replace("Organic,", ""))
    assert "column 'source' is missing; found user_id, country" in refusal(path, schema)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (pa.array([23851234567890123, None]), "23851234567890123 None"),
        (pa.array([14.0, 14.4]), "14 14.4"),
    ],
)
def test_categories_and_ids_may_be_numbers_in_parquet(
    tmp_path: Path, schema: Schema, installs: pd.DataFrame, written: pa.Array, read: str
) -> None:
    table = pa.Table.from_pandas(installs.head(2))
    for name in ("source", "user_id"):
        table = table.set_column(table.column_names.index(name), name, written)
    pq.write_table(table, tmp_path / "a.parquet")
    for found in (
        read_table(tmp_path / "a.parquet", schema, labelled=True),
        read_compact(tmp_path / "a.parquet", schema),
    ):
        for name in ("source", "user_id"):
            texts = found[name].astype(object)
            assert " ".join(map(str, texts.where(texts.notna(), None))) == read


@pytest.mark.parametrize("index", ["installed_at", "country"])
def test_a_column_that_was_the_index_is_read(
    tmp_path: Path, schema: Schema, installs: pd.DataFrame, index: str
) -> None:
    installs.set_index(index).to_parquet(tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet", schema, labelled=True)
    pd.testing.assert_frame_equal(found, installs, check_dtype=False)
    assert list(read_compact(tmp_path / "a.parquet", schema)) == list(installs)


def test_files_that_are_no_table_are_refused(tmp_path: Path, schema: Schema) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    assert "is empty" in refusal(empty, schema)
    assert "has a header but no rows" in refusal(write(tmp_path, HEADER), schema)
    assert "is a directory" in refusal(tmp_path, schema)
    assert "cannot be read (No such file" in refusal(tmp_path / "absent.csv", schema)
    ragged = write(tmp_path, HEADER, GOOD, GOOD + ",1,2,3", name="ragged.csv")
    assert "is no CSV table: Expected 11 fields in line 3, saw 14" in refusal(ragged, schema)
    for fields in (",", ",1"):
        longer = write(tmp_path, HEADER, GOOD + fields, GOOD.replace("u1", "u2"))
        assert "is no CSV table: Expected 11 fields in line 2, saw 12" in refusal(longer, schema)
    binary = tmp_path / "image.csv"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 50)
    assert "is no CSV" in refusal(binary, schema)


def test_a_truncated_parquet_file_is_refused(
    tmp_path: Path, schema: Schema, installs: pd.DataFrame
) -> None:
    path = tmp_path / "installs.parquet"
    installs.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-500])
    assert "is a damaged Parquet file; write it again" in refusal(path, schema)


def test_a_bad_value_in_parquet_is_named_by_its_row(
    tmp_path: Path, schema: Schema, installs: pd.DataFrame
) -> None:
    installs = installs.head(5).copy()
    installs.loc[3, "event_1"] = -1.0
    installs.to_parquet(tmp_path / "a.parquet")
    assert "column 'event_1', row 4:" in refusal(tmp_path / "a.parquet", schema)


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_a_table_or_one_line_of_refusal(
    tmp_path_factory: pytest.TempPathFactory, schema: Schema, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "installs.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    refusal = ""
    try:
        table = read_table(path, schema, labelled=True)
    except TableError as error:
        refusal = str(error)
    else:
        assert np.isfinite(table["revenue"]).all() and (table["revenue"] >= 0).all()
    assert "\n" not in refusal
