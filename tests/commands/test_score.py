"""Scoring a table in chunks: the numbers, what is kept, and what a failure leaves behind."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from revenue_model.commands.score import score
from revenue_model.data import chunked as chunks
from revenue_model.data.table import read_table
from revenue_model.errors import CommandError, TableError
from revenue_model.model.schema import Schema
from tests.commands.conftest import Command, arguments

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served(model: str, installs: pd.DataFrame) -> pd.DataFrame:
    """What the model answers in one request of everything."""
    table = installs.drop(columns=["revenue", "installed_at"])
    params = {"interval": True, "payer_probability": True}
    return pd.DataFrame(mlflow.pyfunc.load_model(model).predict(table, params))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_CHUNK_ROWS", 700)
    monkeypatch.setattr(chunks, "_CHUNK_BYTES", 40_000)


def written(path: Path, table: pd.DataFrame) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("source", ["installs.csv", "installs.parquet"])
@pytest.mark.parametrize("target", ["scored.csv", "scored.parquet"])
def test_chunks_have_the_numbers_of_one_request(
    model: str,
    served: pd.DataFrame,
    installs: pd.DataFrame,
    schema: Schema,
    tmp_path: Path,
    source: str,
    target: str,
) -> None:
    data, out = written(tmp_path / source, installs), tmp_path / target
    asked = {"interval": True, "payer_probability": True}
    assert score(data, out, model, asked) == len(installs)
    scored = pd.read_csv(out, float_precision="round_trip") if "csv" in target else None
    scored = pd.read_parquet(out) if scored is None else scored
    pd.testing.assert_frame_equal(scored[list(served)], served, check_exact=True)
    assert list(scored) == [*installs, *served]
    # All else is there as it was, and the table can be read again as installs.
    pd.testing.assert_frame_equal(
        read_table(out, schema, labelled=True), read_table(data, schema, labelled=True)
    )


def test_columns_that_the_model_does_not_know_are_kept_as_they_are(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    features = installs.drop(columns=["revenue", "user_id", "installed_at"]).head(3)
    table = features.assign(campaign=["007", "na", None], country=["na", " US ", None])
    data, out = written(tmp_path / "installs.csv", table), tmp_path / "new" / "scored.csv"
    score(data, out, model, {})
    kept = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert list(kept["campaign"]) == ["007", "na", ""]
    assert list(kept["country"]) == ["na", " US ", ""]
    assert list(kept)[-1] == "predicted_revenue"
    assert list(out.parent.iterdir()) == [out]


def test_numbers_and_texts_may_come_as_other_types(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    table = installs.drop(columns=["revenue"]).head(50).assign(os_version="14", event_1=3.0)
    plain, other = tmp_path / "plain.parquet", tmp_path / "other.parquet"
    score(written(tmp_path / "a.parquet", table), plain, model, {})
    table = table.assign(
        os_version=14,
        event_1=np.arange(50) * 0 + 3,
        country=table["country"].astype("category"),
    )
    score(written(tmp_path / "b.parquet", table), other, model, {})
    pd.testing.assert_frame_equal(
        pd.read_parquet(other)[["predicted_revenue", "os_version", "event_1"]],
        pd.read_parquet(plain)[["predicted_revenue", "os_version", "event_1"]],
    )
    spaced = pd.read_parquet(plain).drop(columns="predicted_revenue").assign(event_1=" 3 ")
    score(written(tmp_path / "c.csv", spaced), tmp_path / "c.parquet", model, {})
    pd.testing.assert_series_equal(
        pd.read_parquet(tmp_path / "c.parquet")["predicted_revenue"],
        pd.read_parquet(plain)["predicted_revenue"],
    )


def test_a_table_of_types_of_pandas_is_scored_and_read_again(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    table = installs.drop(columns=["revenue"]).head(50).assign(event_1=np.arange(50.0))
    table.loc[3, "event_1"] = np.nan
    plain, nullable = tmp_path / "plain.parquet", tmp_path / "nullable.parquet"
    score(written(tmp_path / "a.parquet", table), plain, model, {})
    score(written(tmp_path / "b.parquet", table.convert_dtypes()), nullable, model, {})
    pd.testing.assert_frame_equal(
        pd.read_parquet(nullable), pd.read_parquet(plain), check_dtype=False
    )


def test_a_batch_is_not_logged(
    command: Command,
    model: str,
    installs: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = written(tmp_path / "installs.csv", installs.head(20))
    monkeypatch.setenv("REVENUE_PREDICTION_LOG", str(tmp_path / "spool"))
    done = command("score", data=data, out=tmp_path / "scored.csv", model=model)
    assert done.code == 0, done.err
    assert done.out.startswith(f"Scored 20 installs by {model} into {tmp_path}/scored.csv in")
    assert not (tmp_path / "spool").exists()
    assert list(pd.read_csv(tmp_path / "scored.csv"))[-1] == "predicted_revenue"


@pytest.mark.usefixtures("small_chunks")
def test_what_is_wrong_is_named_by_its_row_and_leaves_the_old_output(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "scored.parquet"
    out.write_text("the last one")
    at = installs.index == 2500
    numbers, texts = installs["event_1"], installs["event_1"].astype(object)
    for name, table, expected in [
        ("negative.csv", installs.assign(event_1=numbers.mask(at, -1)),
         "Column 'event_1', row 2,501: expected a finite number of 0 or more, got -1.0."),
        ("text.csv", installs.assign(event_1=texts.mask(at, "many")),
         "column 'event_1', row 2,501: expected a number, got 'many'."),
        ("time.parquet", installs.assign(event_1=installs["installed_at"]),
         "column 'event_1': expected numbers, its type is timestamp[ns]."),
        ("lists.parquet", installs.assign(country=[[1, 2]] * len(installs)),
         "column 'country': expected text, its type is list<"),
        ("absent.csv", installs.drop(columns=["country", "event_1"]),
         "column 'country', 'event_1' is missing; found country_region, source,"),
        ("again.csv", installs.assign(predicted_revenue=1.0),
         "has a column 'predicted_revenue' already; rename or drop it."),
        ("header.csv", installs.head(0), "has a header but no rows."),
    ]:  # fmt: skip
        data = written(tmp_path / name, table)
        with pytest.raises(TableError) as error:
            score(data, out, model, {})
        assert str(error.value).startswith(f"{data}: {expected}")
        assert out.read_text() == "the last one"
        assert not (tmp_path / "scored.parquet.part").exists()


@pytest.mark.usefixtures("small_chunks")
def test_a_damaged_table_says_how_far_it_was_read(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "scored.csv"
    whole = written(tmp_path / "whole.csv", installs).read_bytes()
    ragged, latin = tmp_path / "ragged.csv", tmp_path / "latin.csv"
    ragged.write_bytes(whole + b"us,California\n")
    latin.write_bytes(whole + b"us,Qu\xe9bec,,,,,1,1,1,u,2026-01-01,1\n")
    torn = tmp_path / "torn.parquet"
    pq.write_table(pa.Table.from_pandas(installs), torn, row_group_size=700)
    content = bytearray(torn.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    torn.write_bytes(content)
    no_parquet = tmp_path / "no.parquet"
    no_parquet.write_bytes(b"PAR1 and then nothing")
    for data, expected in [
        (ragged, "cannot be read after row 2,"),
        (latin, "cannot be read after row 2,"),
        (torn, "cannot be read after row 1,400: "),
        (no_parquet, "cannot be read: Parquet magic bytes not found"),
        (tmp_path / "absent.csv", "cannot be read (No such file or directory)."),
        (tmp_path, "is a directory; give one CSV or Parquet file."),
    ]:
        with pytest.raises(TableError) as error:
            score(data, out, model, {})
        assert str(error.value).startswith(f"{data}: {expected}")
        assert "\n" not in str(error.value)
        assert not out.exists() and not (tmp_path / "scored.csv.part").exists()


@pytest.mark.system
def test_a_full_disk_leaves_the_old_output(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    data = written(tmp_path / "installs.csv", installs)
    out = tmp_path / "scored.csv"
    out.write_text("the last one")
    refused = subprocess.run(
        [
            *(sys.executable, "-m", "revenue_model.commands.score"),
            *arguments(data=data, out=out, model=model),
        ],
        cwd=ROOT,
        check=False,
        text=True,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert refused.returncode == 2
    assert f"error: {out}: cannot be written after row 0 (" in refused.stderr
    assert "what stood there is untouched." in refused.stderr
    assert "Traceback" not in refused.stderr
    assert out.read_text() == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["installs.csv", "scored.csv"]


def test_what_cannot_be_done_is_refused_before_anything_is_written(
    command: Command, model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    data = written(tmp_path / "installs.csv", installs.head(5))
    for out, uri, expected in [
        (data, model, f"{data}: is the data itself; choose another name."),
        (tmp_path / "scored.txt", model, "its name must end in .csv or .parquet."),
        (tmp_path / "installs.csv" / "scored.csv", model, "cannot be written after row 0 ("),
    ]:
        with pytest.raises(CommandError) as error:
            score(data, out, uri, {})
        assert expected in str(error.value)
    refused = command("score", data=data, out=tmp_path / "scored.csv", model=tmp_path / "nothing")
    assert refused.code == 2 and "Traceback" not in refused.err
    assert sorted(tmp_path.iterdir()) == [data]


def test_an_older_version_scores_by_its_own_code(
    model: str, installs: pd.DataFrame, tmp_path: Path
) -> None:
    older = shutil.copytree(model, tmp_path / "older")
    (features,) = older.rglob("revenue_model/model/estimator.py")
    text = features.read_text()
    assert "np.maximum(predicted, self.prediction_floor)" in text
    features.write_text(
        text.replace("np.maximum(predicted, self.prediction_floor)", "predicted * 0 + 42")
    )
    data = written(tmp_path / "installs.csv", installs.head(5))
    score(data, tmp_path / "scored.csv", str(older), {})
    assert list(pd.read_csv(tmp_path / "scored.csv")["predicted_revenue"]) == [42.0] * 5
