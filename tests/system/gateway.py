"""How the tests run the gateway: a real nginx, as the user that owns its folder, not root."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts import services
from tests.system.servers import ANSWER_S, BUSY_S, ROOT, Store, free_port, running

NOBODY = 65534
NOWHERE = "127.0.0.1:9"


def key(folder: Path, *command: str) -> str:
    """`deploy/keys` for the gateway of `folder`."""
    environment = os.environ | {"GATEWAY_FOLDER": str(folder / "secrets")}
    done = subprocess.run(
        [ROOT / "deploy/keys", *command],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@contextmanager
def gateway_folder(prefix: str = "gateway-") -> Iterator[Path]:
    """The gateway's files where an unprivileged user reads them, with room for its secrets."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(ROOT / "deploy/gateway", folder / "gateway")
        (folder / "secrets" / "keys").mkdir(parents=True)
        yield folder


@dataclass(frozen=True)
class Gateway:
    """A running gateway; `ask` sends with the client's key, `stranger` without one."""

    folder: Path
    port: int
    mlflow_port: int
    client_key: str
    admin_key: str

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "secrets/tls/certificate.pem")

    def client(self, key: str = "", port: int = 0) -> httpx.Client:
        name, _, secret = key.partition(":")
        return httpx.Client(
            base_url=f"https://localhost:{port or self.port}",
            verify=self.tls,
            auth=(name, secret) if key else None,
            timeout=ANSWER_S,
        )

    def access_log(self) -> list[dict[str, Any]]:
        return json_lines(self.folder / "state" / "access.log")


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a log, without the line that is being written."""
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def start_command(
    folder: Path, **settings: str
) -> tuple[list[str], dict[str, str], tuple[int, int]]:
    """How the gateway of `folder` is started, in which environment, and its ports."""
    port, mlflow_port = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_FOLDER": str(folder / "secrets"),
        "GATEWAY_STATE": str(folder / "state"),
        "GATEWAY_ACCESS_LOG": str(folder / "state" / "access.log"),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_MLFLOW_LISTEN": f"127.0.0.1:{mlflow_port}",
        "GATEWAY_LOOK_EVERY_S": "0.3",
        "GATEWAY_RATE": "100000",
        "GATEWAY_BURST": "1000",
        "MODEL_SERVERS": NOWHERE,
        "SIDECAR": NOWHERE,
        "MLFLOW": NOWHERE,
        "SIDECAR_KEY": "the-key-of-the-sidecar",
    } | settings
    (folder / "state").mkdir(exist_ok=True)
    command = [str(folder / "gateway/start")]
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        unprivileged = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        command = ["setpriv", *unprivileged, *command]
    return command, environment, (port, mlflow_port)


@contextmanager
def gateway(prefix: str = "gateway-", **settings: str) -> Iterator[Gateway]:
    """A gateway with a client's and an admin's key, entered when it answers.

    Its folder's name begins with `prefix`.
    """
    with gateway_folder(prefix) as folder:
        client_key, admin_key = (
            key(folder, "add", "growth"),
            key(folder, "add", "lead", "--admin"),
        )
        command, environment, ports = start_command(folder, **settings)
        log = (folder / "gateway.log").open("wb")
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            running = Gateway(folder, *ports, client_key, admin_key)
            wait_until(lambda: process.poll() is not None or _accepts(running))
            assert process.poll() is None, (folder / "gateway.log").read_text()
            yield running
        finally:
            process.terminate()  # it ends nginx after what it is answering
            with suppress(subprocess.TimeoutExpired):
                process.wait(BUSY_S)
            services.stop(process)
            log.close()


def _accepts(gateway: Gateway) -> bool:
    try:
        with gateway.client() as client:
            return client.get("/stats").status_code == 401
    except (httpx.TransportError, OSError):
        return False


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + BUSY_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def model_server(
    store: Store, folder: Path, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The model server of the compose stack; its HOST:PORT and its process."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "revenue_model.serving", "--port", str(port)]
    command += ["--workers", "1", "--state", str(folder / "serving")]
    with running(
        command,
        f"http://127.0.0.1:{port}/ping",
        cwd=folder,
        environment=store.environment | environment,
    ) as process:
        yield f"127.0.0.1:{port}", process
