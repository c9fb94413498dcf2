"""The rules by which a champion is to be replaced, and which installs are held out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from revenue_model.commands.retrain import alone, cut
from revenue_model.model.schema import Schema
from revenue_model.retraining.retrain_rules import Thresholds, check_champion
from revenue_model.retraining.sidecar_client import SidecarClient
from tests.commands.conftest import Command
from tests.sidecar.conftest import database_url, postgres  # noqa: F401
from tests.sidecar.test_app import wait_for

NOW = datetime(2026, 5, 1, tzinfo=UTC)
THRESHOLDS = Thresholds()


def verdicts(
    *,
    drift: str = "none",
    rows: int = 5000,
    bias: tuple[float, float] = (0.95, 1.05),
    labelled: int = 2000,
    days: float = 3,
) -> list[str]:
    report = {
        "verdict": drift,
        "window": {"rows": rows},
        "columns": [{"column": "country", "verdict": drift}],
    }
    realised = {"labelled": labelled, "bias": 1.0, "bias_low": bias[0], "bias_high": bias[1]}
    champion = {"trained_at": (NOW - timedelta(days=days)).isoformat()}
    return [r.verdict for r in check_champion(champion, report, realised, THRESHOLDS, NOW)]


def test_each_rule_asks_for_another_model_by_itself() -> None:
    assert verdicts() == ["fine", "fine", "fine"]
    assert verdicts(drift="moderate") == ["fine", "fine", "fine"]
    assert verdicts(drift="large") == ["replace", "fine", "fine"]
    assert verdicts(bias=(1.2, 1.4)) == ["fine", "replace", "fine"]
    assert verdicts(bias=(0.7, 0.85)) == ["fine", "replace", "fine"]
    assert verdicts(bias=(1.05, 1.4)) == ["fine", "fine", "fine"]
    assert verdicts(days=31) == ["fine", "fine", "replace"]


def test_what_nobody_knows_is_no_reason() -> None:
    assert verdicts(rows=0, labelled=999, bias=(2.0, 3.0)) == ["unknown", "unknown", "fine"]


def test_any_name_of_a_column_may_drift(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ["bid (EUR)", "win%", "a/../b", "größe"]
    columns = [
        {"column": name, "verdict": "large", "reference": {"psi": 0.5 + at}, "before": None}
        for at, name in enumerate(names)
    ]
    report = {"verdict": "large", "window": {"rows": 9}, "columns": columns}
    champion = {"name": "revenue", "version": "1", "trained_at": NOW.isoformat()}
    told = {"reference_problem": None} | report
    monkeypatch.setattr(SidecarClient, "champion", lambda _: champion)
    monkeypatch.setattr(SidecarClient, "drift", lambda *_: told)
    monkeypatch.setattr(SidecarClient, "realised", lambda *_: None)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    at = mlflow.create_experiment("revenue", f"{tmp_path}/artifacts")
    mlflow.set_experiment(experiment_id=at)
    answer = command("monitor")
    assert answer.code == 0, answer.err
    [run] = mlflow.MlflowClient().search_runs([at])
    assert run.data.metrics == {
        "psi_bid _EUR_": 0.5,
        "psi_win_": 1.5,
        "psi_a_.._b": 2.5,
        "psi_größe": 3.5,
    }


def test_the_newest_installs_are_held_out(schema: Schema) -> None:
    moments = pd.to_datetime(["2026-01-03", "2026-01-01", "2026-01-02", "2026-01-04"], utc=True)
    table = pd.DataFrame({"installed_at": moments, "event_1": [3.0, 1.0, 2.0, 4.0]})
    older, newest = cut(table, schema, 0.25)
    assert older["event_1"].tolist() == [3.0, 1.0, 2.0]
    assert newest["event_1"].tolist() == [4.0]


@pytest.mark.parametrize(
    ("days", "held_out"),
    [
        ([1, 1, 1, 1, 1, 1, 1, 2, 2, 2], [2, 2, 2]),  # the newest day has over a fifth
        ([1, 2, 2, 2, 2, 2, 2, 2, 2, 2], [2] * 9),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 2], [2]),  # the first day is not held out
        ([None, None, None, 2, 1], [2]),
    ],
)
def test_a_moment_is_held_out_whole_and_never_all_or_nothing(
    schema: Schema, days: list[int | None], held_out: list[int]
) -> None:
    moments = pd.to_datetime([day and f"2026-01-0{day}" for day in days])
    table = pd.DataFrame({"installed_at": moments, "event_1": days})
    older, newest = cut(table, schema, 0.2)
    assert newest["event_1"].tolist() == held_out
    assert len(older) == len(days) - len(held_out)
    older, newest = cut(table.assign(installed_at=pd.NaT), schema, 0.2)
    assert (len(older), len(newest)) == (len(days) * 4 // 5, len(days) // 5)


def test_one_retrains_at_a_time(
    database_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with alone() as first, alone() as second:
        assert (first, second) == (True, False)

    def is_free() -> bool:
        with alone() as again:
            return again

    wait_for(is_free)  # Postgres gives it back when it sees the end of the connection


@pytest.fixture
def refusing() -> Iterator[str]:
    """A sidecar that answers 503 to everything; its URL."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b'{"detail": "there is no champion"}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_question_that_cannot_be_asked_ends_with_2_and_a_line(
    command: Command, refusing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    cases: list[tuple[dict[str, object], str]] = [
        (
            {"sidecar": "http://127.0.0.1:9"},
            "the sidecar at http://127.0.0.1:9 does not answer",
        ),
        ({"sidecar": refusing}, "answered 503: there is no champion"),
        ({"outcomes": f"{tmp_path}/absent.csv"}, "absent.csv cannot be read (No such file"),
        ({"retrain": "true"}, "retrain=true: set DATABASE_URL to the sidecar's Postgres."),
        ({"bias": 2}, "bias is 2; give a share from 0 to 1"),
        ({"holdout": 1}, "holdout is 1; give a share from 0 to 1."),
    ]
    for changes, expected in cases:
        answer = command("monitor", **changes)
        assert answer.code == 2
        assert expected in answer.err
        assert "Traceback" not in answer.err
