"""Scoring on Spark's local[2]: the numbers of one machine, and what is refused."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from revenue_model.commands import score
from revenue_model.errors import CommandError, TableError
from revenue_model.spark import score as score_spark
from revenue_model.spark import session as spark

ASKED = {"interval": True, "payer_probability": True}


def test_spark_has_the_numbers_of_one_machine(
    session: Any, model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    table = installs.assign(campaign="007", country=installs["country"].replace("us", " US "))
    table.to_csv(tmp_path / "installs.csv", index=False)
    table.to_parquet(tmp_path / "installs.parquet", coerce_timestamps="us")
    for source, target in [("installs.csv", "a.csv"), ("installs.parquet", "a.parquet")]:
        data, many, alone = tmp_path / source, tmp_path / target, tmp_path / f"one-{target}"
        many.write_text("the last one")
        rows = score_spark.score(session, data, many, model, ASKED)
        assert rows == score.score(data, alone, model, ASKED) == len(installs)
        if target == "a.csv":
            parts = [pd.read_csv(path) for path in sorted(many.glob("*.csv"))]
            got, expected = pd.concat(parts, ignore_index=True), pd.read_csv(alone)
        else:
            got, expected = pd.read_parquet(many), pd.read_parquet(alone)
        columns = [*expected.columns[-4:], *expected.columns[:6], "campaign"]
        pd.testing.assert_frame_equal(got[columns], expected[columns], rtol=1e-6)
        assert (many / "_SUCCESS").exists()
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".part", ".old")]


def test_what_is_wrong_is_named_and_leaves_the_old_output(
    session: Any, model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "scored.parquet"
    out.write_text("the last one")
    at = installs.index == 2500
    numbers, texts = installs["event_1"], installs["event_1"].astype(object)
    for name, table, expected in [
        ("negative.csv", installs.assign(event_1=numbers.mask(at, -1)),
         "Column 'event_1': expected a finite number of 0 or more, got -1.0."),
        ("text.csv", installs.assign(event_1=texts.mask(at, "many")),
         "column 'event_1': expected a number, got 'many'."),
        ("absent.csv", installs.drop(columns=["country"]), "column 'country' is missing;"),
        ("again.csv", installs.assign(predicted_revenue=1.0),
         "has a column 'predicted_revenue' already; rename or drop it."),
        ("header.csv", installs.head(0), "has a header but no rows."),
    ]:  # fmt: skip
        data = tmp_path / name
        table.to_csv(data, index=False)
        with pytest.raises(TableError) as error:
            score_spark.score(session, data, out, model, {})
        assert str(error.value).startswith(f"{data}: {expected}")
        assert "\n" not in str(error.value)
        assert out.read_text() == "the last one"
        assert not (tmp_path / "scored.parquet.part").exists()


def test_without_pyspark_or_java_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if find_spec("pyspark"):
        with pytest.raises(CommandError, match="needs Java 17 or newer: install it"):
            spark.session("local[2]").__enter__()
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(CommandError, match="needs PySpark: install it by `scripts/setup --extra"):
        spark.session("local[2]").__enter__()
