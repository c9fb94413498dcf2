"""The served champion, its prediction log and the sidecar together."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.examples import INSTALL
from tests.sidecar.test_app import wait_for
from tests.sidecar.test_process import sidecar
from tests.system.servers import ANSWER_S, Store, free_port, running


def test_what_the_served_model_answered_is_logged_even_if_it_is_killed(
    store: Store, tmp_path: Path
) -> None:
    spool, state = tmp_path / "spool", tmp_path / "state"
    url = f"http://127.0.0.1:{free_port()}"
    command = ["mlflow", "models", "serve", "-m", "models:/revenue@champion"]
    command += ["--env-manager", "local", "--workers", "2", "--port", url.rsplit(":")[-1]]
    environment = store.environment | {"REVENUE_PREDICTION_LOG": str(spool)}
    settings = {
        "REVENUE_PREDICTION_LOG": str(spool),
        "MODEL_SERVER_URL": url,
        "MLFLOW_TRACKING_URI": store.environment["MLFLOW_TRACKING_URI"],
    }
    with (
        running(command, f"{url}/ping", cwd=tmp_path, environment=environment) as server,
        sidecar(state, "/stats", **settings) as (client, _),
        httpx.Client(base_url=url, timeout=ANSWER_S) as model,
    ):
        one = client.post("/predict", json=INSTALL).raise_for_status().json()
        body = {"dataframe_records": [INSTALL], "params": {"request_id": "r-1"}}
        direct = model.post("/invocations", json=body).raise_for_status().json()
        assert one["predicted_revenue"] == direct["predictions"][0]["predicted_revenue"]

        rows = [INSTALL] * 7
        rows[3] = INSTALL | {"event_2": -1.0}
        batch = client.post("/batch_predict", json=rows).raise_for_status().json()
        assert batch["failed"] == 1
        assert "event_2" in batch["predictions"][3]["error"]
        assert batch["predictions"][0] == direct["predictions"][0]

        table = {"dataframe_records": [INSTALL] * 300}
        model.post("/invocations", json=table).raise_for_status()
        os.killpg(server.pid, signal.SIGKILL)
        wait_for(lambda: client.get("/stats").json()["total_predictions"] == 308)
        stats = client.get("/stats?group_by=model_version").json()
        assert stats["failed"] >= 1
        assert stats["max_predicted_revenue"] == pytest.approx(one["predicted_revenue"])

        info = client.get("/model/info").raise_for_status().json()
        assert [group["value"] for group in stats["groups"]] == [info["version"]]
        assert "champion" in info["aliases"]
        source = store.client().get_model_version_by_alias("revenue", "champion").source
        assert str(source).endswith(info["model_id"])
        assert set(INSTALL) <= set(info["features"])
        assert any(name.endswith("r2") for name in info["metrics"])
        assert "train" in info["data_digest"]
        wait_for(lambda: list(spool.glob("*.log")) == [])
