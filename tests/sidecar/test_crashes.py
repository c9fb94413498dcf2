"""kill -9 at random moments, under load: what was answered is stored exactly once.

`REVENUE_CRASH_ROUNDS` sets the number of rounds; a release is tested with 100.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg2

from revenue_model.sidecar.postgres import EmbeddedPostgres
from tests.sidecar.test_app import wait_for
from tests.system.servers import free_port

ROUNDS = int(os.environ.get("REVENUE_CRASH_ROUNDS", "8"))
WRITERS = 3
VICTIMS = ("writer", "sidecar", "postgres")

# What a worker of the model server does with each request: log it, then answer it. The
# answer is a line in a file of the worker's own, which stands for the client.
WORKER = """
import sys, random, time, uuid
import numpy as np
from pathlib import Path
from revenue_model.model.schema import DEFAULT_SCHEMA, Schema
from revenue_model.model.spool import Origin, Spool

folder, answers = Path(sys.argv[1]), Path(sys.argv[2])
schema = Schema.read(DEFAULT_SCHEMA)
spool = Spool(folder, Origin("revenue", "1", "m-1"), schema, most_bytes=10 << 30)
with answers.open("ab", buffering=0) as answered:
    while True:
        rows = random.choice([1, 1, 1, 5, 150])
        request_id = str(uuid.uuid4())
        columns = {name: ["us"] * rows for name in schema.categoricals}
        columns |= {name: [1.0] * rows for name in schema.events}
        outputs = {"predicted_revenue": np.ones(rows)}
        spool.append(columns, outputs, request_id=request_id, inference_time_s=0.001)
        answered.write(f"{request_id} {rows}\\n".encode())
        time.sleep(0.03)
"""


class System:
    """Workers that log, and a sidecar with its Postgres, each of which can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spool, self.state = folder, folder / "spool", folder / "state"
        self.answers = folder / "answers"
        for made in (self.spool, self.state, self.answers):
            made.mkdir()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{free_port()}")
        self.sidecar = self.start_sidecar()
        self.workers = [self.start_worker() for _ in range(WRITERS)]

    def start_worker(self) -> subprocess.Popen[bytes]:
        answers = self.answers / f"{time.time_ns()}"
        return subprocess.Popen([sys.executable, "-c", WORKER, str(self.spool), str(answers)])

    def start_sidecar(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "REVENUE_STATE_DIR": str(self.state),
            "REVENUE_PREDICTION_LOG": str(self.spool),
            "REVENUE_POLL_S": "0.02",
        }
        environment.pop("DATABASE_URL", None)
        port = str(self.client.base_url.port)
        command = [sys.executable, "-m", "revenue_model.sidecar.app", "--port", port]
        with (self.folder / "sidecar.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self, victim: str) -> None:
        if victim == "writer":
            chosen = random.randrange(WRITERS)
            self.workers[chosen].kill()
            self.workers[chosen].wait()
            self.workers[chosen] = self.start_worker()
        elif victim == "sidecar":
            self.sidecar.kill()
            self.sidecar.wait()
            self.sidecar = self.start_sidecar()
        else:
            pid_file = self.state / "postgres" / "postmaster.pid"
            with suppress(FileNotFoundError, ProcessLookupError, IndexError):  # not up again
                os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    def stop_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def stop(self) -> None:
        self.stop_workers()
        self.sidecar.terminate()
        self.sidecar.wait(30)
        self.client.close()

    def answered(self) -> dict[str, int]:
        """Rows by the id of each request that was answered."""
        lines = [line for path in self.answers.iterdir() for line in path.open()]
        whole = [line.split() for line in lines if line.endswith("\n")]
        return {request_id: int(rows) for request_id, rows in whole}

    def is_up(self) -> bool:
        try:
            return self.client.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def has_collected(self) -> bool:
        return self.is_up() and list(self.spool.glob("*.log")) == []


def test_nothing_answered_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    random.seed(11)
    system = System(tmp_path)
    try:
        wait_for(system.is_up)
        for number in range(ROUNDS):
            time.sleep(random.uniform(0.05, 0.6))
            if number % 2:  # else the next falls while the last one still gets up
                wait_for(system.is_up)
            system.kill(VICTIMS[number % len(VICTIMS)])
        system.stop_workers()
        wait_for(system.has_collected)
    finally:
        system.stop()
    answered = system.answered()
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
    assert len(answered) > 100
    wrong = {
        request: (rows, stored.get(request))
        for request, rows in answered.items()
        if stored.get(request) != (rows, rows)
    }
    assert wrong == {}
    assert all(rows == distinct for rows, distinct in stored.values())
    assert counted == sum(rows for rows, _ in stored.values())
