"""The sidecar as a process: its start, its end, and whatever a client may send it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.in_process import start
from tests.sidecar.conftest import Writer
from tests.sidecar.test_app import NO_DATABASE, NOWHERE, wait_for
from tests.system.servers import ANSWER_S, BUSY_S, free_port, processes_of, running

pytestmark = pytest.mark.system

CONFORMANCE: tuple[CheckFunction, ...] = (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


@contextmanager
def sidecar(
    folder: Path, ready: str, **environment: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """A sidecar with its state in `folder`, entered when it answers 200 to `ready`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = {
        "REVENUE_STATE_DIR": str(folder),
        "REVENUE_POLL_S": "0.05",
        "MODEL_SERVER_URL": NOWHERE,
        "MLFLOW_TRACKING_URI": NOWHERE,
    }
    own = ("DATABASE_URL", "REVENUE_PREDICTION_LOG")
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    command = [sys.executable, "-m", "revenue_model.sidecar.app", "--port", str(port)]
    folder.mkdir(exist_ok=True)
    with (
        running(
            command, f"{url}{ready}", cwd=folder, environment=inherited | given | environment
        ) as process,
        httpx.Client(base_url=url, timeout=ANSWER_S) as client,
    ):
        yield client, process


def test_without_a_database_url_the_sidecar_runs_and_stops_a_postgres_of_its_own(
    tmp_path: Path, writer: Callable[..., Writer], folder: Path
) -> None:
    state = tmp_path / "state"
    with sidecar(state, "/stats", REVENUE_PREDICTION_LOG=str(folder)) as (client, process):
        assert processes_of(state)
        writer().log([1.0, 3.0])
        wait_for(lambda: client.get("/stats").json()["total_predictions"] == 2)
        process.send_signal(signal.SIGTERM)
        process.wait(BUSY_S)
    wait_for(lambda: processes_of(state) == [])
    with sidecar(state, "/stats", REVENUE_PREDICTION_LOG=str(folder)) as (client, process):
        assert client.get("/stats").json()["total_predictions"] == 2
    wait_for(lambda: processes_of(state) == [])


def test_a_killed_postgres_is_started_again(
    tmp_path: Path, writer: Callable[..., Writer], folder: Path
) -> None:
    state = tmp_path / "state"
    with sidecar(state, "/stats", REVENUE_PREDICTION_LOG=str(folder)) as (client, _):
        pid = int((state / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        writer().log([1.0, 3.0])
        wait_for(
            lambda: (
                (answer := client.get("/stats")).status_code == 200
                and answer.json()["total_predictions"] == 2
            )
        )


def test_a_setting_that_is_no_number_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVENUE_RETENTION_DAYS", "ten")
    refused = start("revenue_model.sidecar.app", capsys=capsys)
    assert refused.code == 2
    assert "REVENUE_RETENTION_DAYS must be a number above 0, got 'ten'." in refused.err


def test_beyond_loopback_the_sidecar_wants_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVENUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("REVENUE_SIDECAR_KEYS", " ,")
    refused = start("revenue_model.sidecar.app", "--host", "0.0.0.0", capsys=capsys)
    assert refused.code == 2
    assert "--host 0.0.0.0 can be reached from other machines" in refused.err
    assert "REVENUE_SIDECAR_KEYS" in refused.err


@pytest.mark.parametrize("database", ["up", "down"])
def test_any_request_is_answered_as_documented(
    tmp_path: Path, database_url: str, database: str
) -> None:
    up = database == "up"
    url = database_url if up else NO_DATABASE
    checks = (not_a_server_error, *CONFORMANCE) if up else CONFORMANCE
    ready = "/stats" if up else "/openapi.json"
    with sidecar(tmp_path / "state", ready, DATABASE_URL=url) as (client, _):
        api = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
        for result in api.get_all_operations():
            operation = result.ok()  # type: ignore[union-attr]
            if operation.path in ("/predict", "/batch_predict", "/model/info"):
                allowed = CONFORMANCE  # their servers are away: 503 as documented
            else:
                allowed = checks
            _check(operation, allowed)


def _check(operation: Any, checks: Sequence[CheckFunction]) -> None:
    @settings(max_examples=3 if operation.path == "/model/info" else 25, deadline=None)
    @given(case=operation.as_strategy())
    def answered(case: Any) -> None:
        case.call_and_validate(checks=list(checks), timeout=ANSWER_S)

    answered()
