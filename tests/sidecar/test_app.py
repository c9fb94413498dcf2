"""The sidecar over HTTP, with its own threads and a real Postgres."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from revenue_model.sidecar.app import create_app
from revenue_model.sidecar.settings import Settings
from tests.sidecar.conftest import Writer


@pytest.fixture
def client(database_url: str, folder: Path) -> Iterator[TestClient]:
    settings = Settings(
        spool=folder, state=folder.parent, database_url=database_url, poll_s=0.02, sync_s=0.1
    )
    with TestClient(create_app(settings)) as client:
        yield client


def wait_for_predictions(client: TestClient, count: int) -> dict[str, object]:
    deadline = time.monotonic() + 20
    while True:
        answer = client.get("/stats")
        if answer.status_code == 200 and answer.json()["total_predictions"] >= count:
            return dict(answer.json())
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)


def test_stats_count_what_was_predicted(
    client: TestClient, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.log([0.0, 2.0, 4.0], platform="IOS")
    one.log([10.0], country="pe", platform="Android", inference_time_s=0.006)
    stats = wait_for_predictions(client, 4)
    assert stats["total_predictions"] == 4
    assert stats["mean_predicted_revenue"] == 4.0
    assert stats["min_predicted_revenue"] == 0.0
    assert stats["max_predicted_revenue"] == 10.0
    assert stats["zero_share"] == 0.25
    assert stats["mean_inference_time_ms"] == pytest.approx(3.0)
    assert stats["platform_distribution"] == {"ios": 3, "android": 1}
    assert [c["value"] for c in stats["top_countries"]] == ["us", "pe"]
    assert client.get("/health").json()["rows"] == {
        "accepted": 4,
        "stored": 4,
        "quarantined": 0,
        "dropped": 0,
        "waiting": 0,
    }
