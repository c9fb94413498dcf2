"""How the system tests start real commands and servers."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import httpx
import mlflow
import psutil

from scripts import services
from tests.commands.conftest import entry_point
from tests.mlflow_state import mlflow_as_before

ROOT = Path(__file__).parents[2]
# What a busy machine may take for an answer, and for a start or an end; they only bound a hang.
ANSWER_S, BUSY_S = 120, 300


@dataclass(frozen=True)
class Store:
    """An MLflow store with a champion; `environment` is for commands that use it."""

    folder: Path
    environment: dict[str, str]

    def command(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, text=True, capture_output=True
        )

    def entry_point(self, name: str, /, **parameters: object) -> None:
        """Run it in this process, where what `mlflow run` adds is not the point."""
        with mlflow_as_before(), patch.dict(os.environ, self.environment):
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_experiment("revenue")
            entry_point(name, **parameters)

    @property
    def uri(self) -> str:
        return self.environment["MLFLOW_TRACKING_URI"]

    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(self.uri)


def mlflow_run(
    store: Store, entry_point: str, *, runner: str = "local", **parameters: object
) -> subprocess.CompletedProcess[str]:
    given = [part for key, value in parameters.items() for part in ("-P", f"{key}={value}")]
    command = ["mlflow", "run", ".", "-e", entry_point, "--env-manager", runner]
    return store.command(*command, "--experiment-name", "revenue", *given)


def processes_of(folder: Path) -> list[str]:
    """The command lines of the running processes that name `folder`."""
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


def _ports() -> Iterator[int]:
    """Those of this worker of pytest-xdist, once each, below those that the kernel gives."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = range(10_000 + worker, 32_000, workers)
    start = secrets.randbelow(len(ports))
    yield from (*ports[start:], *ports[:start])


_PORTS = _ports()


def free_port() -> int:
    """A port that is free, and that nobody else gets before it is used.

    One of the kernel's choice could meanwhile go to the other worker or to a connection.
    """
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


@contextmanager
def running(
    command: list[str],
    ready_url: str,
    *,
    cwd: Path,
    environment: dict[str, str],
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; enters it when `ready_url` answers 200."""
    with services.running(
        command,
        ready_url,
        cwd / "server.log",
        cwd=cwd,
        environment=environment,
        stop_timeout_s=BUSY_S,
    ) as process:
        yield process


@contextmanager
def serving(
    store: Store, folder: Path, env_manager: str, **environment: str
) -> Iterator[httpx.Client]:
    """`mlflow models serve` of the champion, started in `folder`; a client for it."""
    url = f"http://127.0.0.1:{free_port()}"
    command = ["mlflow", "models", "serve", "-m", "models:/revenue@champion"]
    command += ["--env-manager", env_manager, "--port", url.rsplit(":")[-1]]
    with (
        running(command, f"{url}/ping", cwd=folder, environment=store.environment | environment),
        httpx.Client(base_url=url, timeout=ANSWER_S) as client,
    ):
        yield client
