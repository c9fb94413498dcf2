"""Postgres is away for minutes under load: what clients see, and whether the log is whole.

A second model server without a log is asked in turns with the first: what a slow minute of
the machine does to both is not the outage's.
"""

from __future__ import annotations

import shutil
import sys
import time
from statistics import median
from typing import Any

import httpx

from bench import prepare
from bench.prepare import CHAMPION, STATE, TRACKING
from bench.serving import Server, ask, body_of, memory_mb, running
from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres

_CLIENTS, _ROWS, _PAUSE_MS = 4, 100, 100
_TURN_S, _ASIDE_S = 7, 3  # seconds of a turn, with the log and without
_UNTIL_S = 300


def measure(minutes: float) -> dict[str, Any]:
    """A minute before, `minutes` without Postgres, and until all rows are stored."""
    prepare.champion()
    spool = STATE / "outage-spool"
    for folder in (spool, STATE / "outage-postgres"):
        shutil.rmtree(folder, ignore_errors=True)
    postgres = EmbeddedPostgres(STATE / "outage-postgres")
    serve = ["mlflow", "models", "serve", "--env-manager", "local", "-m", CHAMPION]
    logging = {"REVENUE_PREDICTION_LOG": str(spool)}
    model = Server("outage model", [*serve, "--port", "PORT"], TRACKING | logging)
    aside = Server("outage model, no log", model.command, TRACKING)
    sidecar = Server(
        "outage sidecar",
        [sys.executable, "-m", "revenue_model.sidecar.app", "--port", "PORT"],
        logging | {"DATABASE_URL": postgres.url},
        path="",
        ready="/stats",
    )
    body = body_of(_ROWS)
    results: dict[str, Any] = {"minutes": minutes, "parts": []}
    try:
        with (
            running(model) as (url, serving),
            running(aside) as (without_log, _),
            running(sidecar) as (side, collecting),
        ):

            def part(name: str, seconds: int) -> None:
                print(f"{name}: {seconds} s", flush=True)
                turns = [
                    (
                        ask(url, body, _CLIENTS, _TURN_S, _PAUSE_MS),
                        ask(without_log, body, _CLIENTS, _ASIDE_S, _PAUSE_MS),
                    )
                    for _ in range(seconds // (_TURN_S + _ASIDE_S))
                ]
                results["parts"].append(
                    {
                        "name": name,
                        "p50_ms": median(mine["p50_ms"] for mine, _ in turns),
                        "over": median(mine["p50_ms"] / its["p50_ms"] for mine, its in turns),
                        "failed": sum(mine["failed"] for mine, _ in turns),
                        "requests": sum(mine["requests"] for mine, _ in turns),
                        "model_mb": memory_mb(serving),
                        "sidecar_mb": memory_mb(collecting),
                    }
                )

            part("warm-up", 60)
            part("before", 60)
            postgres.stop()
            for minute in range(round(minutes)):
                part(f"away, minute {minute + 1}", 60)
            postgres.revive()
            back = time.monotonic()
            part("back", 20)
            with httpx.Client(base_url=side, timeout=60) as client:
                results["rows"] = _complete(client, back + _UNTIL_S)
            results["complete_s"] = time.monotonic() - back
            part("after", 60)
    finally:
        postgres.stop()
    return results


def _complete(client: httpx.Client, deadline: float) -> dict[str, int]:
    """What became of all rows, when none waits any more."""
    while time.monotonic() < deadline:
        rows = client.get("/health").json()["rows"]
        if not rows["waiting"] and client.get("/stats").status_code == 200:
            return dict(rows)
        time.sleep(0.1)
    sys.exit(f"error: the log is not complete {_UNTIL_S} s after Postgres is back.")


def report(results: dict[str, Any]) -> list[str]:
    parts, rows = results["parts"], results["rows"]
    until = [part for part in parts if part["name"] != "after"]
    answered = sum(part["requests"] for part in until) * _ROWS
    lines = [
        f"{_CLIENTS} clients, requests of {_ROWS} rows; Postgres is stopped for "
        f"{results['minutes']:g} minutes and started again.",
        "",
        "| | p50, ms | over that without a log | requests | failed | model server, MB "
        "| sidecar, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        lines.append(
            f"| {part['name']} | {part['p50_ms']:.1f} | {part['over']:.2f} "
            f"| {part['requests']:,} | {part['failed']} "
            f"| {part['model_mb']:.0f} | {part['sidecar_mb']:.0f} |"
        )
    lines += [
        "",
        f"No row waited any more {results['complete_s']:.1f} s after Postgres was back. Stored "
        f"{rows['stored']:,} rows, dropped {rows['dropped']}, quarantined "
        f"{rows['quarantined']}; wrk counted {answered:,} rows of answers (it leaves out those "
        "that were on their way when its time was over).",
    ]
    return lines
