"""`scripts/run`: the whole chain by one command, with real servers and a real Postgres."""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from tests.examples import INSTALL
from tests.modes import ALL
from tests.sidecar.test_app import wait_for
from tests.system.servers import ANSWER_S, BUSY_S, ROOT, free_port, processes_of, running


class Runner:
    """Runs `scripts/run` on ports and state of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.ports = {name: free_port() for name in ("sidecar", "model", "ui")}
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("MLFLOW_TRACKING_URI", "DATABASE_URL")
        }

    def command(self, *arguments: str) -> list[str]:
        ports = [f"--{name}-port={port}" for name, port in self.ports.items()]
        return [str(ROOT / "scripts/run"), f"--state={self.state}", *ports, *arguments]

    def check(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command("--check", *arguments),
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=4 * BUSY_S,
        )

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("run") / "var")


@pytest.fixture(scope="module")
def first(runner: Runner, installs: pd.DataFrame) -> subprocess.CompletedProcess[str]:
    if ALL:  # the user's first step: 20,000 simulated installs
        return runner.check()
    runner.state.mkdir()
    data = runner.state / "table.csv"
    installs.head(800).to_csv(data, index=False)
    return runner.check("--data", str(data))


@pytest.fixture
def up(
    runner: Runner, first: subprocess.CompletedProcess[str], tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    ready = f"{runner.url('model')}/ping"
    with running(runner.command(), ready, cwd=tmp_path, environment=runner.environment) as process:
        yield process


def test_the_first_run_trains_serves_and_counts(
    runner: Runner, first: subprocess.CompletedProcess[str]
) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    assert '{"predictions": [{"predicted_revenue": ' in first.stdout
    stats = json.loads(first.stdout.split("/stats\n")[1].split("\n\n")[0])
    assert stats["total_predictions"] == 1
    for name in runner.ports:
        assert runner.url(name) in first.stdout


def test_everything_is_stopped_after_the_check(
    runner: Runner, first: subprocess.CompletedProcess[str]
) -> None:
    for port in runner.ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    wait_for(lambda: processes_of(runner.state) == [])  # a port closes before its process ends


def test_a_second_run_serves_the_same_champion_and_keeps_its_log(
    runner: Runner, up: subprocess.Popen[bytes]
) -> None:
    with httpx.Client(timeout=ANSWER_S) as client:
        stats = client.get(f"{runner.url('sidecar')}/stats").json()
        assert stats["total_predictions"] >= 1
        body = {"dataframe_records": [INSTALL]}
        for _ in range(3):
            client.post(f"{runner.url('model')}/invocations", json=body).raise_for_status()
        wait_for(lambda: client.get(f"{runner.url('sidecar')}/health").status_code == 200)
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(BUSY_S) == 0


def test_a_busy_port_is_named(runner: Runner) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", runner.ports["model"]))
        taken.listen()
        refused = runner.check()
    assert refused.returncode == 1
    assert f"error: port {runner.ports['model']} cannot be used" in refused.stderr
    assert "--model-port" in refused.stderr


@pytest.fixture
def script() -> dict[str, Any]:
    """What `scripts/run` defines; the functions see what is changed in it."""
    names = runpy.run_path(str(ROOT / "scripts/run"))
    return names["main"].__globals__  # type: ignore[no-any-return]


def test_only_a_champion_of_simulated_installs_gives_way_to_a_table(
    script: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    called: list[str] = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5005")
    script["entry_point"] = lambda name, **_: called.append(name)
    options = Namespace(data=tmp_path / "installs.csv", state=tmp_path)
    script["champion"] = lambda: ("4", "/tmp/learned.csv")  # of monitor's retraining
    script["ensure_champion"](options)
    assert called == []
    out = capsys.readouterr().out
    assert out.startswith("Serving revenue version 4, trained on /tmp/learned.csv.\n")
    assert f"mlflow run . --env-manager local -P data={options.data}\n" in out
    for found in (None, ("1", f"{tmp_path}/installs.parquet")):
        script["champion"] = lambda found=found: found
        script["ensure_champion"](options)
    assert called == ["main", "promote"] * 2


def test_a_wrong_table_ends_the_run_with_its_reason(
    script: dict[str, Any],
    installs: pd.DataFrame,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    path = tmp_path / "wrong.csv"
    installs.head(50).assign(event_2="many").to_csv(path, index=False)
    with pytest.raises(script["Failure"], match=r"-e main` failed; the reason"):
        script["ensure_champion"](Namespace(data=path, state=tmp_path))
    said = capfd.readouterr().err
    assert "column 'event_2', line 2: expected a number, got 'many'" in said
    assert "Traceback" not in said


def test_a_failure_ends_the_script_with_1_and_a_line(
    script: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def fail(*_: object) -> None:
        raise script["Failure"]("the reason")

    script["run"], script["VENV"] = fail, Path(sys.prefix)
    monkeypatch.setattr(sys, "argv", ["run", f"--state={tmp_path}"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert script["main"]() == 1
    assert capsys.readouterr().err == "error: the reason\n"


def test_the_environment_may_be_a_link(
    script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script["VENV"] = tmp_path / "link"
    script["VENV"].symlink_to(sys.prefix)
    script["run"] = lambda *_: 0
    monkeypatch.setattr(sys, "argv", ["run", f"--state={tmp_path}"])
    monkeypatch.setattr(os, "execv", None)
    monkeypatch.setattr(subprocess, "run", None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert script["main"]() == 0
