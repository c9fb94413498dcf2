"""The sidecar over HTTP, with its own threads and a real Postgres."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from revenue_model.model.schema import Schema
from revenue_model.sidecar.app import create_app
from revenue_model.sidecar.settings import Settings
from revenue_model.sidecar.store.database import Database
from tests.sidecar.conftest import INSTALL, Writer
from tests.system.servers import BUSY_S

NOWHERE = "http://127.0.0.1:9"
NO_DATABASE = "postgresql://nobody@127.0.0.1:9/none"


class ModelServer(BaseHTTPRequestHandler):
    """Answers /invocations as the scoring server does: event_2 / 2, or a refusal."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = body["dataframe_records"]
        good = all(
            isinstance(row.get("event_2"), int | float) and row["event_2"] >= 0 for row in rows
        )
        if good:
            self.answer(
                200,
                {"predictions": [{"predicted_revenue": row["event_2"] / 2} for row in rows]},
            )
        else:
            message = "Column 'event_2': expected a number.\nmore"
            self.answer(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": message})

    def answer(self, status: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def model_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(database_url: str, folder: Path, model_server: str) -> Settings:
    return Settings(
        spool=folder,
        state=folder.parent,
        database_url=database_url,
        model_server_url=model_server,
        tracking_uri=NOWHERE,
        poll_s=0.02,
        sync_s=0.05,
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def lonely(settings: Settings) -> Iterator[TestClient]:
    """A sidecar whose database and model server are away."""
    alone = replace(settings, database_url=NO_DATABASE, model_server_url=NOWHERE)
    with TestClient(create_app(alone)) as client:
        yield client


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + BUSY_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_predictions(client: TestClient, count: int) -> dict[str, Any]:
    def counted() -> bool:
        answer = client.get("/stats")
        return answer.status_code == 200 and bool(answer.json()["total_predictions"] >= count)

    wait_for(counted)
    return dict(client.get("/stats").json())


def metrics(client: TestClient) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        sample.name: sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("revenue_") and not sample.labels
    }


def test_stats_count_what_was_predicted(client: TestClient, writer: Callable[..., Writer]) -> None:
    one = writer()
    one.fail("refused")  # first: what stands before the last prediction is counted with it
    one.log([0.0, 2.0, 4.0], platform="IOS")
    one.log([10.0], country="pe", platform="Android", inference_time_s=0.006)
    stats = wait_for_predictions(client, 4)
    assert stats["total_predictions"] == 4
    assert stats["failed"] == 1
    assert stats["mean_predicted_revenue"] == 4.0
    assert stats["min_predicted_revenue"] == 0.0
    assert stats["max_predicted_revenue"] == 10.0
    assert stats["zero_share"] == 0.25
    assert stats["mean_inference_time_ms"] == pytest.approx(3.0)
    assert stats["platform_distribution"] == {"ios": 3, "android": 1}
    assert [country["value"] for country in stats["top_countries"]] == ["us", "pe"]
    groups = client.get("/stats?group_by=country").json()["groups"]
    assert [(g["value"], g["predictions"], g["failed"]) for g in groups] == [
        ("us", 3, 1),
        ("pe", 1, 0),
    ]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("start=yesterday", "start"),
        ("start=2026-02-01T00:00:00Z&end=2026-01-01T00:00:00Z", "start"),
        ("start=9999-12-31T10:00:00Z&end=9999-12-31T11:00:00Z", "start"),
    ],
)
def test_a_wrong_question_is_refused_by_the_name_of_its_parameter(
    client: TestClient, query: str, parameter: str
) -> None:
    answer = client.get(f"/stats?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", parameter]


def test_stats_answer_by_the_segments_that_the_log_names(
    client: TestClient, folder: Path, tmp_path: Path
) -> None:
    """A studio with other columns configures nothing."""
    # Before anything is known there is nothing to group, whatever is asked for.
    wait_for(lambda: client.get("/stats?group_by=channel").status_code == 200)
    path = tmp_path / "studio.toml"
    path.write_text(
        "[categorical.channel]\nsegment = true\n[categorical.shop_platform]\nsegment = true\n"
        "[event.ads]\n[target.money]\n"
    )
    one = Writer(folder, Schema.read(path), "1")
    one.log([1.0, 2.0], channel="Video", shop_platform="Web", ads=3.0)
    one.log([3.0], channel="search", shop_platform="web ", ads=3.0)
    stats = wait_for_predictions(client, 3)
    shown = {
        segment["name"]: [(top["value"], top["predictions"]) for top in segment["top"]]
        for segment in stats["segments"]
    }
    assert shown == {"channel": [("video", 2), ("search", 1)], "shop_platform": [("web", 3)]}
    assert stats["platform_distribution"] == {"web": 3}
    assert stats["top_countries"] == []
    groups = client.get("/stats?group_by=channel").json()["groups"]
    assert [group["value"] for group in groups] == ["video", "search"]
    wrong = client.get("/stats?group_by=country")
    assert wrong.status_code == 422
    [problem] = wrong.json()["detail"]
    assert problem["loc"] == ["query", "group_by"]
    assert "channel, shop_platform, model_version, day, hour" in problem["msg"]


def test_health_tells_each_part(client: TestClient, writer: Callable[..., Writer]) -> None:
    writer().log([1.0, 2.0])
    wait_for_predictions(client, 2)
    # That it works and what it stored, the collector tells a moment after the commit.
    wait_for(lambda: client.get("/health").json()["rows"]["stored"] == 2)
    wait_for(lambda: client.get("/health").status_code == 200)
    answer = client.get("/health")
    assert {name: part["ok"] for name, part in answer.json()["parts"].items()} == {
        "database": True,
        "collector": True,
        "spool": True,
    }
    assert answer.json()["rows"] == {
        "accepted": 2,
        "stored": 2,
        "quarantined": 0,
        "dropped": 0,
        "waiting": 0,
    }


def test_without_a_database_the_sidecar_says_so_and_catches_up_later(
    lonely: TestClient, settings: Settings, writer: Callable[..., Writer]
) -> None:
    writer().log([1.0, 2.0, 3.0])
    health = lonely.get("/health")
    assert health.status_code == 503
    assert not health.json()["parts"]["database"]["ok"]
    assert health.json()["rows"]["waiting"] == 3
    assert lonely.get("/stats").status_code == 503
    assert metrics(lonely)["revenue_database_up"] == 0.0
    assert metrics(lonely)["revenue_lag_seconds"] > 0.0
    with TestClient(create_app(settings)) as client:
        assert wait_for_predictions(client, 3)["total_predictions"] == 3


def test_a_spool_that_is_gone_is_unhealthy(client: TestClient, folder: Path) -> None:
    folder.rmdir()
    wait_for(lambda: client.get("/health").status_code == 503)
    assert "spool" in str(client.get("/health").json())


def test_accepted_rows_are_stored_quarantined_dropped_or_waiting(
    client: TestClient, writer: Callable[..., Writer], folder: Path
) -> None:
    one = writer()
    for count in range(1, 30):
        one.log([1.0] * count)
        if count == 10:
            (folder / "stranger.log").write_bytes(b"garbage\n")
            one.spool._drop(2, "no room")
        now = metrics(client)
        assert now["revenue_rows_accepted_total"] == (
            now["revenue_rows_stored_total"]
            + now["revenue_rows_quarantined_total"]
            + now["revenue_rows_dropped_total"]
            + now["revenue_rows_waiting"]
        )
    wait_for(lambda: metrics(client)["revenue_rows_accepted_total"] == 29 * 15 + 3)
    wait_for(lambda: metrics(client)["revenue_rows_waiting"] == 0)
    end = metrics(client)
    assert end["revenue_rows_stored_total"] == 29 * 15
    assert end["revenue_rows_accepted_total"] == 29 * 15 + 3
    assert end["revenue_database_up"] == end["revenue_collector_up"] == 1.0
    assert 'route="/metrics",status="200"' in client.get("/metrics").text


def test_predict_takes_and_answers_flat_json(client: TestClient) -> None:
    answer = client.post("/predict", json=INSTALL)
    assert answer.status_code == 200
    assert answer.json()["predicted_revenue"] == 21.0
    assert answer.json()["inference_time_ms"] > 0
    assert answer.json()["timestamp"].endswith("Z")


def test_a_request_id_of_any_bytes_reaches_the_model(client: TestClient) -> None:
    header = {b"X-Request-ID": b"caf\xe9"}
    assert client.post("/predict", json=INSTALL, headers=header).status_code == 200


def test_a_refused_install_is_answered_with_the_reason(client: TestClient) -> None:
    answer = client.post("/predict", json=INSTALL | {"event_2": "many"})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Column 'event_2': expected a number."}


def test_a_bad_row_of_a_batch_does_not_lose_the_others(client: TestClient) -> None:
    rows = [INSTALL | {"event_2": n} for n in range(100)]
    rows[17] = rows[60] = INSTALL | {"event_2": -1}
    answer = client.post("/batch_predict", json=rows).json()
    assert answer["failed"] == 2
    for n, row in enumerate(answer["predictions"]):
        if n in (17, 60):
            assert row == {"error": "Column 'event_2': expected a number."}
        else:
            assert row == {"predicted_revenue": n / 2}


def test_a_batch_of_bad_rows_is_answered_after_a_bounded_search(client: TestClient) -> None:
    answer = client.post("/batch_predict", json=[INSTALL | {"event_2": -1}] * 2000).json()
    assert answer["failed"] == len(answer["predictions"]) == 2000


@pytest.mark.parametrize("body", ["{}", "[]", "null", "[1]", '[{"a": []}]', "no json"])
def test_what_is_no_batch_is_refused(client: TestClient, body: str) -> None:
    assert client.post("/batch_predict", content=body).status_code == 422


def test_without_a_model_server_predictions_are_unavailable(lonely: TestClient) -> None:
    for path, body in (("/predict", INSTALL), ("/batch_predict", [INSTALL])):
        answer = lonely.post(path, json=body)
        assert answer.status_code == 503
        assert "model server" in answer.json()["detail"]


def test_without_a_registry_the_model_is_unknown(client: TestClient) -> None:
    answer = client.get("/model/info")
    assert answer.status_code == 503
    assert "registry" in answer.json()["detail"]


def test_a_registry_that_hangs_is_not_waited_for_by_one_after_the_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    asked = 0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with TestClient(create_app(replace(settings, tracking_uri=url))) as client:
            for _ in range(3):
                assert client.get("/model/info").status_code == 503
        silent.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert asked == 1


def test_without_a_champion_there_is_no_model(settings: Settings, tmp_path: Path) -> None:
    empty = replace(settings, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    with TestClient(create_app(empty)) as client:
        answer = client.get("/model/info")
    assert answer.status_code == 404
    assert "champion" in answer.json()["detail"]


def test_with_keys_nothing_opens_without_one(settings: Settings, database: Database) -> None:
    with TestClient(create_app(replace(settings, keys=("old", "new")))) as client:
        for path in ("/", "/stats", "/metrics", "/page/page.js", "/docs"):
            assert client.get(path).status_code == 401
            for wrong in (
                "",
                "Bearer ",
                "Bearer ne",
                "Basic new",
                "Bearer nëw".encode("latin-1"),
            ):
                answer = client.get(path, headers={"Authorization": wrong})
                assert answer.status_code == 401
            for right in ("old", "new"):
                answer = client.get(path, headers={"Authorization": f"Bearer {right}"})
                assert answer.status_code == 200


def test_every_answer_has_safe_headers_and_no_cors(client: TestClient) -> None:
    for path in ("/", "/stats", "/nothing", "/page/page.js"):
        headers = client.get(path, headers={"Origin": "https://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_a_refused_parameter_is_named_and_not_repeated(client: TestClient) -> None:
    answer = client.get("/stats?limit=hunter2")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "limit"]
    assert "hunter2" not in answer.text
