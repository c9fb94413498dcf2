from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from revenue_model.data.simulate import CHUNK_ROWS, simulate, simulated_table
from revenue_model.data.table import check_table, read_table
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema

OTHER_SCHEMA = """
[categorical.network]
segment = true
[categorical.genre]
[numeric.age]
[target.ltv]
"""


@pytest.fixture(scope="module")
def many(schema: Schema) -> pd.DataFrame:
    return simulated_table(schema, rows=100_000, seed=1)


def test_the_table_has_the_shape_of_the_real_one(many: pd.DataFrame) -> None:
    revenue = many["revenue"]
    assert 0.33 < (revenue == 0).mean() < 0.41
    assert 0.001 < revenue.median() < 1.0
    assert set(many["platform"]) == {"iOS", "ios", "Android", "android"}
    assert many["device_family"].nunique() == 1000
    assert 0.01 < many["event_3"].isna().mean() < 0.03
    assert 0.03 < many["source"].isna().mean() < 0.05


def test_one_country_is_booked_in_another_unit(many: pd.DataFrame) -> None:
    in_pe = many["country"] == "pe"
    money = many.groupby(in_pe)["revenue"].sum() / many.groupby(in_pe)["event_2"].sum()
    assert 10_000 < money[True] / money[False] < 100_000
    assert 0.004 < in_pe.mean() < 0.009


def test_the_same_seed_gives_the_same_installs(schema: Schema) -> None:
    first = simulated_table(schema, rows=500, seed=3)
    pd.testing.assert_frame_equal(first, simulated_table(schema, rows=500, seed=3))
    assert not first.equals(simulated_table(schema, rows=500, seed=4))


def test_chunks_have_unique_users(schema: Schema) -> None:
    chunks = list(simulate(schema, rows=CHUNK_ROWS + 5, seed=1))
    assert [len(chunk) for chunk in chunks] == [CHUNK_ROWS, 5]
    assert pd.concat(chunks)["user_id"].is_unique


def test_another_schema_gives_its_own_columns(tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    path.write_text(OTHER_SCHEMA, encoding="utf-8")
    schema = Schema.read(path)
    table = check_table(simulated_table(schema, rows=2000, seed=1), schema, labelled=True)
    assert list(table) == ["network", "genre", "age", "ltv"]
    assert 0.3 < (table["ltv"] == 0).mean() < 0.45


def test_the_command_writes_a_table_that_can_be_read(tmp_path: Path, schema: Schema) -> None:
    out = tmp_path / "new" / "installs.parquet"
    command = [sys.executable, "-m", "revenue_model.commands.simulate", "--rows", "1000"]
    command += ["--seed", "7", "--schema", str(DEFAULT_SCHEMA), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    expected = simulated_table(schema, rows=1000, seed=7)
    expected["installed_at"] = expected["installed_at"].dt.floor("us")
    pd.testing.assert_frame_equal(read_table(out, schema, labelled=True), expected)
    assert list(out.parent.iterdir()) == [out]
