"""The sidecar: collects the prediction log and answers questions about it over HTTP."""

from __future__ import annotations

import argparse
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from revenue_model.sidecar.collector import Collector
from revenue_model.sidecar.database import Database, EmbeddedPostgres
from revenue_model.sidecar.settings import Settings

_log = logging.getLogger(__name__)

_TOP = 10


class SegmentCount(BaseModel):
    """Predictions for one value of a segment column."""

    value: str
    predictions: int
    sum_predicted_revenue: float
    mean_predicted_revenue: float | None


class Stats(BaseModel):
    """What was predicted so far. Money is USD, times are UTC."""

    total_predictions: int
    failed_predictions: int
    dropped_predictions: int
    quarantined_lines: int
    first_prediction: datetime | None
    last_prediction: datetime | None
    sum_predicted_revenue: float | None
    mean_predicted_revenue: float | None
    min_predicted_revenue: float | None
    max_predicted_revenue: float | None
    zero_share: float | None
    mean_inference_time_ms: float | None
    platform_distribution: dict[str, int]
    top_countries: list[SegmentCount]


class Part(BaseModel):
    """One part of the sidecar: whether it works, and what it says."""

    ok: bool
    detail: str


class Health(BaseModel):
    """`status` is "ok" when predictions are being logged."""

    status: str
    parts: dict[str, Part]


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str


def create_app(database: Database, collector: Collector) -> FastAPI:
    """The HTTP interface over a migrated `database` and a running `collector`."""
    app = FastAPI(title="Revenue predictions", description=__doc__)
    unavailable: dict[int | str, dict[str, Any]] = {503: {"model": Problem}}

    @app.exception_handler(psycopg2.Error)
    def no_database(request: Request, error: psycopg2.Error) -> JSONResponse:
        _log.error("Database: %s", str(error).strip().splitlines()[0])
        return JSONResponse({"detail": "The database does not answer; see /health."}, 503)

    @app.get("/stats", responses=unavailable)
    def stats() -> Stats:
        """Counts, revenue and times of all logged predictions."""
        [totals] = database.rows("totals")
        [spool] = database.rows("spool_totals")
        by: dict[str, list[SegmentCount]] = {}
        for row in database.rows("by_segment"):
            by.setdefault(row.pop("segment"), []).append(SegmentCount(**row))
        return Stats(
            **totals,
            dropped_predictions=spool["dropped"],
            quarantined_lines=spool["quarantined"],
            platform_distribution={c.value: c.predictions for c in by.get("platform", [])},
            top_countries=by.get("country", [])[:_TOP],
        )

    @app.get("/health", responses={503: {"model": Health}})
    def health() -> JSONResponse:
        """What works and what does not; 503 when predictions cannot be logged."""
        parts = {"database": _database_part(database), "collector": _collector_part(collector)}
        ok = all(part.ok for part in parts.values())
        answer = Health(status="ok" if ok else "failing", parts=parts)
        return JSONResponse(answer.model_dump(), 200 if ok else 503)

    return app


def _database_part(database: Database) -> Part:
    try:
        [spool] = database.rows("spool_totals")
    except psycopg2.Error as error:
        return Part(ok=False, detail=type(error).__name__)
    return Part(
        ok=True,
        detail=f"{spool['stored']} rows stored, {spool['quarantined']} lines quarantined, "
        f"{spool['dropped']} rows dropped",
    )


def _collector_part(collector: Collector) -> Part:
    if collector.problem:
        return Part(ok=False, detail="cannot collect; the sidecar's log says why")
    if not collector.is_alive():
        return Part(ok=False, detail="has ended; restart the sidecar")
    return Part(ok=True, detail=f"{collector.waiting_bytes()} bytes in the spool")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.from_environment()
    settings.spool.mkdir(parents=True, exist_ok=True)
    embedded = None
    if not settings.database_url:
        embedded = EmbeddedPostgres((settings.state / "postgres").resolve())
    try:
        database = Database(embedded.url if embedded else settings.database_url)
        database.migrate()
        database.drop_days_before(settings.retention_days)
        collector = Collector(database, settings.spool, settings.poll_s)

        @asynccontextmanager
        async def collecting(app: FastAPI) -> AsyncIterator[None]:
            collector.start()
            yield
            collector.stop()

        app = create_app(database, collector)
        app.router.lifespan_context = collecting
        uvicorn.run(app, host=options.host, port=options.port, log_level="warning")
    finally:
        if embedded:
            embedded.stop()


if __name__ == "__main__":
    main()
