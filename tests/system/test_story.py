"""The life of a model, told once with real servers: it decays, is found out and replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from revenue_model.data.simulate import simulated_table
from revenue_model.model.schema import Schema
from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres
from tests.sidecar.test_app import wait_for
from tests.sidecar.test_process import sidecar
from tests.system.servers import Store, mlflow_run
from tests.system.test_champion import Load, serve, serving, wait_for_version

NAME = "story"
DAYS_AGO = 9  # when the served installs came: their 7 days are over
OLDER = 3_500  # of the installs, to train on
WINDOW = "14d"
SHIFTED = "us"  # more installs of it come, and each brings more
# The clock of the model server, by which it stamps what it logs.
CLOCK = f"""
import time
now = time.time_ns
time.time_ns = lambda: now() - {DAYS_AGO} * 86_400 * 10**9
"""


@pytest.fixture(scope="module")
def month(schema: Schema) -> pd.DataFrame:
    """30 days of installs, without the country whose revenue would hide all other.

    The last three days have most of them: what is asked later than 7 days after the install
    does not count.
    """
    table = simulated_table(schema, 9_000, seed=5)
    table = table[table["country"] != "pe"].reset_index(drop=True)
    start = datetime.now(UTC) - timedelta(days=DAYS_AGO + 30)
    days = np.concatenate(
        [np.linspace(0, 27, OLDER, endpoint=False), np.linspace(27, 29.9, len(table) - OLDER)]
    )
    return table.assign(installed_at=start + pd.to_timedelta(days, unit="D"))


def shifted(installs: pd.DataFrame) -> pd.DataFrame:
    """A campaign in one country brings four times its installs, of three times the worth."""
    more = installs[installs["country"] == SHIFTED]
    told = [more.assign(user_id=more["user_id"] + f"-{copy}") for copy in range(3)]
    table = pd.concat([installs, *told]).sort_values("installed_at", ignore_index=True)
    factor = np.where(table["country"] == SHIFTED, 3.0, 1.0)
    return table.assign(revenue=table["revenue"] * factor)


def ask(client: httpx.Client, installs: pd.DataFrame) -> None:
    texts = installs.drop(columns="revenue")
    texts["installed_at"] = texts["installed_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    for start in range(0, len(texts), 500):
        part = texts.iloc[start : start + 500].to_json(orient="split", index=False)
        client.post(
            "/invocations",
            content=f'{{"dataframe_split": {part}, "params": {{"interval": true}}}}',
            headers={"Content-Type": "application/json"},
        ).raise_for_status()


def test_a_champion_decays_is_found_out_replaced_and_taken_back(
    store: Store,
    month: pd.DataFrame,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    older, newer = month.iloc[:OLDER], shifted(month.iloc[OLDER:])
    older.to_parquet(tmp_path / "older.parquet")
    store.entry_point("main", name=NAME, data=tmp_path / "older.parquet", folds=4, rounds=60)
    store.entry_point("promote", name=NAME, env_manager="local")
    clock = tmp_path / "clock"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(CLOCK)

    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data")
    store.environment["DATABASE_URL"] = postgres.url
    settings = {
        "DATABASE_URL": postgres.url,
        "REVENUE_PREDICTION_LOG": str(tmp_path / "spool"),
        "REVENUE_MODEL_NAME": NAME,
        "REVENUE_SETTLE_S": "1",
        "MLFLOW_TRACKING_URI": store.environment["MLFLOW_TRACKING_URI"],
    }
    arguments = ("--name", NAME, "--workers", "2")
    try:
        with (
            serve(store, tmp_path, *arguments, PYTHONPATH=str(clock)) as server,
            sidecar(tmp_path / "sidecar", "/stats", **settings) as (side, _),
        ):
            ask(server, newer)
            wait_for(lambda: side.get("/health").json()["rows"]["stored"] == len(newer))
            drift = side.get(f"/drift?window={WINDOW}").raise_for_status().json()
            [country] = [each for each in drift["columns"] if each["column"] == "country"]
            assert country["verdict"] == "large"
            assert any(SHIFTED in reason for reason in country["reference"]["reasons"])

            outcomes = tmp_path / "outcomes.csv"
            newer[["user_id", "revenue"]].to_csv(outcomes, index=False)
            with outcomes.open("a") as file:
                file.write("nobody,-3\n")
            monitor: dict[str, Any] = {
                "sidecar": str(side.base_url),
                "window": WINDOW,
                "env_manager": "local",
            }
            # It learns the model's name from the sidecar.
            capsys.readouterr()
            store.entry_point("monitor", outcomes=outcomes, labelled=500, **monitor)
            said = capsys.readouterr().out
            assert f"{len(newer):,} taken, 1 refused" in said
            assert "Refused line" in said and "user 'nobody'" in said
            [realised] = side.get("/stats").json()["realised"]
            assert realised["labelled"] == len(newer)
            assert realised["bias_high"] < 0.9
            assert "To train another model" in said
            assert serving(server)["number"] == "1"

            with Load(str(server.base_url), pause_s=0.1) as load:  # it trains beside
                told = mlflow_run(store, "monitor", retrain="true", **monitor)
                print(told.stdout)
                assert f"{NAME} version 2 is the champion." in told.stdout
                wait_for_version(server, "2")
                store.entry_point("promote", name=NAME, rollback="true", reason="a test")
                wait_for_version(server, "1")
            assert load.failures == []
            assert load.answers
    finally:
        store.environment.pop("DATABASE_URL")
        postgres.stop()
