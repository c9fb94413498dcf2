"""Training on Spark's local[2]: the model of one machine, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from revenue_model.data.simulate import simulated_table
from revenue_model.data.table import read_table
from revenue_model.errors import TableError
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema
from revenue_model.spark.boosting import SparkBoosting
from revenue_model.spark.session import read_spark
from revenue_model.training.fit import fit
from tests.commands.conftest import Command
from tests.examples import SMALL

ALL = {"interval": True, "payer_probability": True}


@pytest.fixture(scope="module")
def folder(installs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installs as CSV, as Parquet, and as a folder of both halves in Parquet."""
    folder = tmp_path_factory.mktemp("installs")
    installs.to_csv(folder / "installs.csv", index=False)
    installs.to_parquet(folder / "installs.parquet", coerce_timestamps="us")
    versions = np.resize([14.0, 14.5, np.nan, 20240019.0], len(installs))
    installs.assign(os_version=versions).to_parquet(
        folder / "versions.parquet", coerce_timestamps="us"
    )
    (folder / "parts").mkdir()
    for part, rows in [("0", installs[:2000]), ("1", installs[2000:])]:
        rows.to_parquet(folder / "parts" / f"{part}.parquet", coerce_timestamps="us")
    return folder


def test_spark_reads_what_one_machine_reads(session: Any, folder: Path, schema: Schema) -> None:
    for file in ("installs.csv", "versions.parquet", "installs.parquet"):
        read = read_spark(session, folder / file, schema)
        expected = read_table(folder / file, schema, labelled=True)
        assert {read[column].dtype.name for column in schema.categoricals} == {"category"}
        for name, values in expected.items():
            missing = values.isna()
            assert (read[name].isna() == missing).all()
            assert (read[name][~missing] == values[~missing]).all(), name
    parts = read_spark(session, folder / "parts", schema)
    assert sorted(parts[schema.target.name]) == sorted(expected[schema.target.name])


def test_one_worker_trains_the_model_of_one_machine(
    session: Any, folder: Path, schema: Schema, tmp_path: Path
) -> None:
    table = read_spark(session, folder / "installs.parquet", schema)
    booster_factory = partial(SparkBoosting, session=session)
    alone = fit(read_table(folder / "installs.parquet", schema, labelled=True), schema, SMALL)
    by_spark = fit(table, schema, SMALL, booster_factory=booster_factory)
    for name, estimator in [("alone", alone), ("spark", by_spark)]:
        (tmp_path / name).mkdir()
        estimator.save(tmp_path / name)
    learned, again = (
        (tmp_path / name / "estimator.json").read_text() for name in ("alone", "spark")
    )
    assert learned == again  # the encoders, the tariff, what was calibrated
    others = simulated_table(schema, rows=2000, seed=11)
    columns = {name: others[name] for name in schema.features}
    expected, got = alone.predict(columns, **ALL), by_spark.predict(columns, **ALL)
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-6, err_msg=name)


def test_two_workers_share_the_rows_of_a_booster(
    session: Any, installs: pd.DataFrame, schema: Schema
) -> None:
    settings = replace(SMALL, num_boost_round=60)
    booster_factory = partial(SparkBoosting, session=session, workers=2)
    shared = fit(installs, schema, settings, booster_factory=booster_factory)
    others = simulated_table(schema, rows=2000, seed=11)
    columns = {name: others[name] for name in schema.features}
    expected = fit(installs, schema, settings).predict(columns)["predicted_revenue"]
    got = shared.predict(columns)["predicted_revenue"]
    assert np.corrcoef(np.log(got), np.log(expected))[0, 1] > 0.99
    assert got.sum() == pytest.approx(expected.sum(), rel=0.1)


def test_what_is_wrong_is_named(
    session: Any, installs: pd.DataFrame, schema: Schema, tmp_path: Path
) -> None:
    at = installs.index == 2500
    for name, table, expected in [
        ("negative.csv", installs.assign(revenue=installs["revenue"].mask(at, -1)),
         "column 'revenue', line 2502: expected a number of 0 or more, got -1.0."),
        ("text.csv", installs.assign(event_1=installs["event_1"].astype(object).mask(at, "x")),
         "column 'event_1', line 2502: expected a number, got 'x'."),
        ("absent.csv", installs.drop(columns=["country"]), "column 'country' is missing;"),
        ("header.csv", installs.head(0), "has a header but no rows."),
    ]:  # fmt: skip
        data = tmp_path / name
        table.to_csv(data, index=False)
        with pytest.raises(TableError) as error:
            read_spark(session, data, schema)
        assert str(error.value).startswith(f"{data}: {expected}")


# From here on the commands stop Spark, which is one for the whole process.


def test_the_command_registers_a_model_of_any_schema(
    command: Command, session: Any, tmp_path: Path
) -> None:
    text = DEFAULT_SCHEMA.read_text().replace("event_3", "ads")
    (tmp_path / "schema.toml").write_text(text)
    schema = Schema.read(tmp_path / "schema.toml")
    data = tmp_path / "installs.parquet"
    simulated_table(schema, rows=1500, seed=7).to_parquet(data, coerce_timestamps="us")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("revenue", f"{tmp_path}/artifacts")
    mlflow.set_experiment("revenue")
    given = {"data": data, "schema": tmp_path / "schema.toml", "engine": "spark"}
    done = command("main", **given, master="local[2]", folds=3, rounds=20)
    assert done.code == 0, done.err
    assert "Registered revenue version 1 as challenger." in done.out
    loaded = mlflow.pyfunc.load_model("models:/revenue@challenger")
    one = simulated_table(schema, rows=1, seed=8)[list(schema.features)]
    assert loaded.predict(one)["predicted_revenue"].iloc[0] > 0


def test_what_spark_cannot_do_is_refused(command: Command, session: Any, folder: Path) -> None:
    given = {"data": folder / "installs.csv", "engine": "spark", "master": "local[2]"}
    cases: list[tuple[dict[str, object], str]] = [
        ({"workers": 3}, "-P workers=3: expected 1 to 2, the tasks that 'local[2]' runs at"),
        ({"external_memory": "true"}, "leave it out with -P engine=spark."),
    ]
    for changes, expected in cases:
        refused = command("main", **given, **changes)
        assert refused.code == 2
        assert expected in refused.err
