"""How the system tests start real commands and servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import mlflow
import psutil

ROOT = Path(__file__).parents[2]
INSTALL = {
    "country": "us",
    "country_region": "California",
    "source": "Organic",
    "platform": "iOS",
    "device_family": "Apple iPhone",
    "os_version": "14.4",
    "event_1": 0.0,
    "event_2": 42.0,
    "event_3": 1.0,
}


@dataclass(frozen=True)
class Store:
    """An MLflow store with a champion; `environment` is for commands that use it."""

    folder: Path
    environment: dict[str, str]

    def command(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=check, text=True, capture_output=True
        )

    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(self.environment["MLFLOW_TRACKING_URI"])


def mlflow_run(
    store: Store,
    entry_point: str,
    *,
    runner: str = "local",
    check: bool = True,
    **parameters: object,
) -> subprocess.CompletedProcess[str]:
    given = [part for key, value in parameters.items() for part in ("-P", f"{key}={value}")]
    command = ["mlflow", "run", ".", "-e", entry_point, "--env-manager", runner]
    return store.command(*command, "--experiment-name", "revenue", *given, check=check)


def processes_of(folder: Path) -> list[str]:
    """The command lines of the running processes that name `folder`."""
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str],
    ready_url: str,
    *,
    cwd: Path,
    environment: dict[str, str],
    timeout_s: int = 180,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; enters it when `ready_url` answers 200."""
    log = cwd / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + timeout_s
        while not _answers(ready_url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def serving(
    store: Store, folder: Path, env_manager: str, **environment: str
) -> Iterator[httpx.Client]:
    """`mlflow models serve` of the champion, started in `folder`; a client for it."""
    url = f"http://127.0.0.1:{free_port()}"
    command = ["mlflow", "models", "serve", "-m", "models:/revenue@champion"]
    command += ["--env-manager", env_manager, "--port", url.rsplit(":")[-1]]
    with (
        running(
            command, f"{url}/ping", cwd=folder, environment=store.environment | environment
        ),
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client
