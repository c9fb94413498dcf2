"""Servers side by side, asked in turns by wrk."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import psutil

from bench import prepare
from bench.prepare import CHAMPION, ROOT, SCHEMA, STATE, TRACKING
from scripts import services

OURS, FLOOR = "revenue-model", "no-op on MLflow"
_ROWS = (1, 100, 1000)
_CLIENTS = (4, 16)


@dataclass(frozen=True)
class Server:
    """One contender: how it starts, where it listens and when it is ready."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    cwd: Path = ROOT
    path: str = "/invocations"
    ready: str = "/ping"


def servers(bins: dict[str, Path], workers: int) -> list[Server]:
    """All contenders with `workers` processes each; PORT stands for the port."""
    spool = STATE / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    by_hand = {"PEER_MODEL": str(STATE / "by_hand"), "WORKERS": str(workers)}
    peers = ROOT / "bench" / "peers"

    def on_mlflow(uri: object) -> list[str]:
        words = ["mlflow", "models", "serve", "--env-manager", "local", "-m", str(uri)]
        return [*words, "--port", "PORT", "--workers", str(workers)]

    logging = TRACKING | {"REVENUE_PREDICTION_LOG": str(spool)}
    flask = [str(bins["flask"] / "gunicorn"), "-b", "127.0.0.1:PORT", "-w", str(workers)]
    uvicorn = [str(bins["fastapi"] / "uvicorn"), "--port", "PORT", "--no-access-log"]
    bento = [str(bins["bentoml"] / "bentoml"), "serve", "bento_service:Revenue", "-p", "PORT"]
    return [
        Server(OURS, on_mlflow(CHAMPION), logging),
        Server(f"{OURS}, no log", on_mlflow(CHAMPION), TRACKING),
        Server(FLOOR, on_mlflow(STATE / "noop")),
        Server("scikit-learn on MLflow", on_mlflow(STATE / "sklearn")),
        Server(
            "BentoML",
            bento,
            by_hand | {"BENTOML_HOME": str(STATE / "bento"), "BENTOML_DO_NOT_TRACK": "True"},
            peers,
            path="/predict",
            ready="/readyz",
        ),
        Server(
            "MLServer",
            [str(bins["mlserver"] / "mlserver"), "start", str(STATE / "mlserver")],
            {
                "MLSERVER_HOST": "127.0.0.1",
                "MLSERVER_HTTP_PORT": "PORT",
                "MLSERVER_GRPC_PORT": "PORT+1",
                "MLSERVER_METRICS_PORT": "PORT+2",
                "MLSERVER_PARALLEL_WORKERS": str(workers if workers > 1 else 0),
            },
            STATE / "mlserver",  # it writes its metrics where it stands
            ready="/v2/health/ready",
        ),
        Server("Flask + pandas", [*flask, "flask_app:app"], by_hand, peers),
        Server(
            "bare FastAPI",
            [*uvicorn, "--workers", str(workers), "fastapi_app:app"],
            by_hand,
            peers,
        ),
    ]


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Ask every server in turns, `rounds` times; a result by server and question."""
    if not shutil.which("wrk"):
        sys.exit("error: wrk is not there; install it (Debian: apt-get install wrk).")
    prepare.champion()
    prepare.peer_models()
    bins = prepare.peers()
    settings = {
        "name": "revenue",
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(STATE / "sklearn")},
    }
    folder = STATE / "mlserver"
    folder.mkdir(exist_ok=True)
    (folder / "model-settings.json").write_text(json.dumps(settings))
    bodies = {rows: body_of(rows) for rows in _ROWS}
    one = [(f"{rows} rows", bodies[rows], 1) for rows in _ROWS]
    many = [(f"{clients} clients", bodies[1], clients) for clients in _CLIENTS]
    return {
        "1 worker": _measure(servers(bins, 1), [*one, *many], rounds, seconds),
        "2 workers": _measure(servers(bins, 2), many[-1:], rounds, seconds),
    }


def _measure(
    contenders: list[Server],
    questions: list[tuple[str, Path, int]],
    rounds: int,
    seconds: float,
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        urls = {}
        for server in contenders:
            print(f"Starting {server.name} ...", flush=True)
            start = time.monotonic()
            urls[server.name], process = stack.enter_context(running(server))
            results[server.name] = {"ready_s": time.monotonic() - start}
            ask(urls[server.name], questions[0][1], 1, min(seconds, 1))  # warm
            results[server.name]["memory_mb"] = memory_mb(process)
        for turn in range(rounds):
            for question, body, clients in questions:
                print(f"Round {turn + 1} of {rounds}: {question}", flush=True)
                for server in random.sample(contenders, len(contenders)):
                    answer = ask(urls[server.name], body, clients, seconds)
                    results[server.name].setdefault(question, []).append(answer)
    return results


def ask(url: str, body: Path, clients: int, seconds: float, pause_ms: int = 0) -> dict[str, float]:
    """Latency and rate of `clients` who ask again `pause_ms` after they are answered."""
    words = ["wrk", "-t", str(min(clients, 2)), "-c", str(clients), "-d", f"{seconds:g}s"]
    words += ["--timeout", "30s", "-s", str(ROOT / "bench" / "load.lua"), url]
    environment = os.environ | {"BODY": str(body)}
    environment |= {"PAUSE_MS": str(pause_ms)} if pause_ms else {}
    done = subprocess.run(words, env=environment, text=True, capture_output=True)
    if done.returncode:  # the server has died
        return {"p50_ms": nan, "p99_ms": nan, "per_s": 0.0, "requests": 0, "failed": 1}
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    # How fast a server refuses is no latency of it.
    return answer | {"p50_ms": nan, "p99_ms": nan, "per_s": 0.0} if answer["failed"] else answer


def body_of(rows: int) -> Path:
    """A file with a request of `rows` installs."""
    table = pd.read_parquet(prepare.installs(20_000))[list(SCHEMA.features)]
    path = STATE / f"body-{rows}.json"
    records = table.head(rows).to_json(orient="records")
    path.write_text(f'{{"dataframe_records": {records}}}')
    return path


@contextmanager
def running(server: Server) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = _free_port()
    base = f"http://127.0.0.1:{port}"

    def filled(text: str) -> str:
        for plus in (2, 1):
            text = text.replace(f"PORT+{plus}", str(port + plus))
        return text.replace("PORT", str(port)) if text.endswith("PORT") else text

    with services.running(
        [filled(word) for word in server.command],
        base + server.ready,
        STATE / f"{server.name.replace(' ', '-')}.log",
        cwd=server.cwd,
        environment=os.environ | {name: filled(text) for name, text in server.environment.items()},
        stop_timeout_s=10,
    ) as process:
        yield base + server.path, process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    """What the server and its children hold, shared pages counted once."""
    root = psutil.Process(process.pid)
    return float(sum(p.memory_full_info().pss for p in [root, *root.children(True)])) / 2**20


def report(results: dict[str, Any]) -> list[str]:
    one, two = results["1 worker"], results["2 workers"]
    ours = one[OURS]

    def middle(server: dict[str, Any], question: str, what: str) -> float:
        return float(median(answer[what] for answer in server[question]))

    def ratio(mine: dict[str, Any], theirs: dict[str, Any], question: str, what: str) -> str:
        pairs = zip(mine[question], theirs[question], strict=True)
        found = sorted(m[what] / t[what] for m, t in pairs)
        return f"{median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"

    lines = [
        "One client, `dataframe_records`, milliseconds; medians over the rounds:",
        "",
        "| | 1 row p50 | p99 | 100 rows p50 | 1,000 rows p50 | ready, s | memory, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, server in one.items():
        cells = [f"{middle(server, '1 rows', what):.2f}" for what in ("p50_ms", "p99_ms")]
        cells += [f"{middle(server, f'{rows} rows', 'p50_ms'):.1f}" for rows in _ROWS[1:]]
        cells += [f"{server['ready_s']:.1f}", f"{server['memory_mb']:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        f"{OURS} over the other, in the same round (lowest to highest round):",
        "",
        "| against | 1 row p50 | 1 row p99 | 100 rows p50 | 1,000 rows p50 |",
        "|---|---|---|---|---|",
    ]
    for name, server in one.items():
        if name != OURS:
            cells = [ratio(ours, server, "1 rows", what) for what in ("p50_ms", "p99_ms")]
            cells += [ratio(ours, server, f"{rows} rows", "p50_ms") for rows in _ROWS[1:]]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "Requests of one row a second, and failures of all requests:", ""]
    head = [f"{clients} clients, 1 worker" for clients in _CLIENTS] + ["16 clients, 2 workers"]
    lines += [f"| | {' | '.join(head)} | failed |", "|---" * (len(head) + 2) + "|"]
    for name, server in one.items():
        cells = [f"{middle(server, f'{clients} clients', 'per_s'):.0f}" for clients in _CLIENTS]
        cells.append(f"{middle(two[name], '16 clients', 'per_s'):.0f}")
        answers = [
            a for each in (server, two[name]) for v in each.values() if type(v) is list for a in v
        ]
        cells.append(
            f"{sum(a['failed'] for a in answers)} of {sum(a['requests'] for a in answers):,}"
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    hundred = middle(ours, "100 rows", "p50_ms") / middle(ours, "1 rows", "p50_ms")
    tail = middle(ours, "1 rows", "p99_ms") / middle(ours, "1 rows", "p50_ms")
    lines += [
        "",
        f"{OURS}: 100 rows in a request take {hundred:.2f} times as long as one row (p50); "
        f"the p99 of one row is {tail:.1f} times its p50.",
    ]
    return lines
