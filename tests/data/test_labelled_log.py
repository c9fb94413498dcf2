"""Training on what was logged and labelled: the sidecar's database as a table of installs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from revenue_model.data.labelled_log import read_logged
from revenue_model.data.reference_profile import reference_profile
from revenue_model.errors import CommandError, TableError
from revenue_model.model.schema import Schema
from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.outcomes.refresher import Refresher
from revenue_model.sidecar.store.database import Database
from tests.sidecar.conftest import (  # noqa: F401  # fmt: skip
    Writer,
    collector,
    database,
    database_url,
    folder,
    postgres,
    query,
    writer,
)

NOW = datetime.now(UTC)


def test_matured_labelled_installs_are_a_training_table(
    schema: Schema,
    database: Database,  # noqa: F811
    database_url: str,  # noqa: F811
    collector: Collector,  # noqa: F811
    writer: Callable[..., Writer],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TableError, match="no install is 7 days old"):
        read_logged(schema, database_url)
    one, two = writer("1"), writer("2")
    installed = NOW - timedelta(days=9)
    for days_ago, spool, columns in (
        (8.5, one, {"user_id": "a", "country": 'Ñ,"x"', "event_1": 3.0, "os_version": None}),
        (8.0, two, {"user_id": "a", "country": "later"}),
        (8.0, one, {"user_id": "b", "event_1": float("nan")}),
        (1.0, one, {"user_id": "young", "installed_at": (NOW - timedelta(days=2)).isoformat()}),
        (8.0, one, {"user_id": "unlabelled"}),
    ):
        at_ns = int((NOW - timedelta(days=days_ago)).timestamp() * 1e6) * 1000
        with monkeypatch.context() as patch:
            patch.setattr("time.time_ns", lambda at=at_ns: at)
            spool.log([1.0], **({"installed_at": installed.isoformat()} | columns))
    while collector.collect():
        pass
    query(
        database,
        "SELECT * FROM record_outcomes('{a,b,young,stranger}', '{1.5,0,9,9}', "
        "'{NULL,NULL,NULL,NULL}')",
    )
    Refresher(database, "installed_at", 60).refresh()
    table = read_logged(schema, database_url)
    assert list(table) == [column.name for column in schema.columns]
    assert table["user_id"].tolist() == ["a", "b"]
    assert table["revenue"].tolist() == [1.5, 0.0]
    assert table["country"].tolist() == ['Ñ,"x"', "us"]
    assert table["os_version"].tolist() == [None, "14.4"]
    assert table["event_1"].iloc[0] == 3.0 and np.isnan(table["event_1"].iloc[1])
    assert table["installed_at"].iloc[0] == pd.Timestamp(installed).tz_localize(None)


def test_without_a_database_the_error_says_what_to_do(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(CommandError, match="set DATABASE_URL"):
        read_logged(schema)
    with pytest.raises(CommandError, match="does not answer"):
        read_logged(schema, "postgresql://nobody@127.0.0.1:9/none")


def test_a_profile_counts_every_row_of_every_feature(
    schema: Schema, installs: pd.DataFrame
) -> None:
    found = reference_profile(installs, schema, installs["revenue"].to_numpy())
    assert list(found["columns"]) == [*schema.features, "predicted_revenue"]
    for name, column in found["columns"].items():
        assert sum(column["counts"].values()) == found["rows"] == len(installs), name
    platforms = found["columns"]["platform"]["counts"]
    assert platforms["ios"] == installs["platform"].isin(["iOS", "ios"]).sum()
    assert found["columns"]["country"]["segment"]
    assert not found["columns"]["os_version"]["segment"]
