"""kill -9 at random moments, under load: what was answered is stored exactly once.

`REVENUE_CRASH_ROUNDS` sets the number of rounds; a release is tested with 100.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import psycopg2

from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres
from tests.examples import INSTALL
from tests.modes import repeats
from tests.sidecar.test_app import wait_for
from tests.system.servers import ANSWER_S, BUSY_S, Store, free_port

ROUNDS = repeats("REVENUE_CRASH_ROUNDS", short=4, long=40)
CLIENTS = 4
VICTIMS = ("worker", "sidecar", "postgres", "server")


class System:
    """Clients of the served champion, and the sidecar with its Postgres; all can be killed."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.folder, self.spool, self.state = folder, folder / "spool", folder / "state"
        self.state.mkdir()
        self.environment = store.environment | {
            "REVENUE_PREDICTION_LOG": str(self.spool),
            "REVENUE_STATE_DIR": str(self.state),
            "REVENUE_POLL_S": "0.02",
        }
        self.environment.pop("DATABASE_URL", None)
        self.port, self.sidecar_port = free_port(), free_port()
        self.server, self.sidecar = self._start_server(), self._start_sidecar()
        self.answered: dict[str, int] = {}  # rows by the id of each request that was answered
        self.unanswered = 0
        self._stopping = threading.Event()
        self._clients = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for client in self._clients:
            client.start()

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _start_server(self) -> subprocess.Popen[bytes]:
        state = str(self.folder / "serving")
        return self._start("revenue_model.serving", "--port", str(self.port), "--state", state)

    def _start_sidecar(self) -> subprocess.Popen[bytes]:
        return self._start("revenue_model.sidecar.app", "--port", str(self.sidecar_port))

    def _ask(self) -> None:
        url = f"http://127.0.0.1:{self.port}/invocations"
        with httpx.Client(timeout=ANSWER_S) as client:
            while not self._stopping.is_set():
                rows, request_id = random.choice([1, 1, 1, 5, 150]), str(uuid.uuid4())
                params = {"request_id": request_id}
                body = {"dataframe_records": [INSTALL] * rows, "params": params}
                try:
                    answer = client.post(url, json=body)
                except httpx.TransportError:
                    self.unanswered += 1
                    time.sleep(0.2)
                else:
                    assert len(answer.json()["predictions"]) == rows
                    self.answered[request_id] = rows
                    time.sleep(0.01)

    def kill(self, victim: str) -> None:
        if victim == "server":
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
            self.server = self._start_server()
        elif victim == "worker":
            workers = psutil.Process(self.server.pid).children()
            if workers:  # else the server is not up again
                random.choice(workers).kill()
        elif victim == "sidecar":
            self.sidecar.kill()
            self.sidecar.wait()
            self.sidecar = self._start_sidecar()
        else:
            pid_file = self.state / "postgres" / "postmaster.pid"
            with suppress(FileNotFoundError, ProcessLookupError, IndexError):  # not up again
                os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    def is_up(self) -> bool:
        if self.server.poll() is not None:  # it lost its first worker: a service manager's task
            self.server = self._start_server()
        try:
            return all(
                httpx.get(f"http://127.0.0.1:{port}{path}", timeout=ANSWER_S).status_code == 200
                for port, path in ((self.port, "/ping"), (self.sidecar_port, "/stats"))
            )
        except httpx.HTTPError:
            return False

    def stop_serving(self) -> None:
        self._stopping.set()
        for client in self._clients:
            client.join()
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def has_collected(self) -> bool:
        return list(self.spool.glob("*.log")) == []

    def stop(self) -> None:
        if not self._stopping.is_set():
            self.stop_serving()
        self.sidecar.terminate()
        self.sidecar.wait(BUSY_S)


def test_nothing_answered_is_lost_or_doubled_by_kill_9(store: Store, tmp_path: Path) -> None:
    random.seed(11)
    system = System(store, tmp_path)
    try:
        wait_for(system.is_up)
        for number in range(ROUNDS):
            time.sleep(random.uniform(0.05, 0.6))
            if number % 2:  # else the next falls while the last one still gets up
                wait_for(system.is_up)
            system.kill(VICTIMS[number % len(VICTIMS)])
        wait_for(system.is_up)
        wait_for(lambda: len(system.answered) > 100)
        system.stop_serving()
        wait_for(system.has_collected)
    finally:
        system.stop()
    server = EmbeddedPostgres(system.state / "postgres")
    try:
        connection = psycopg2.connect(server.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT request_id, count(*), count(DISTINCT row_number) "
                "FROM predictions GROUP BY request_id"
            )
            stored = {request: (rows, distinct) for request, rows, distinct in cursor}
            cursor.execute(
                "SELECT sum(predictions) FROM prediction_counts "
                "WHERE period = 'day' AND segment = ''"
            )
            [counted] = cursor.fetchone() or (0,)
        connection.close()
    finally:
        server.stop()
    print(f"{len(system.answered)} requests were answered, {system.unanswered} were not.")
    assert system.unanswered > 0  # the clients saw it happen
    wrong = {
        request: (rows, stored.get(request))
        for request, rows in system.answered.items()
        if stored.get(request) != (rows, rows)
    }
    assert wrong == {}
    assert all(rows == distinct for rows, distinct in stored.values())
    assert counted == sum(rows for rows, _ in stored.values())
