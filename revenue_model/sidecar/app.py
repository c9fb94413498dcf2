"""The sidecar: collects the prediction log and answers questions about it over HTTP."""

import argparse
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import psycopg2
import uvicorn
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from revenue_model.sidecar.service import Service
from revenue_model.sidecar.settings import Settings
from revenue_model.sidecar.statistics import BY_TIME, Stats, Window, statistics

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5


class Part(BaseModel):
    """One part of the sidecar: whether it works, and if not, why."""

    ok: bool
    detail: str


class Rows(BaseModel):
    """What became of the rows of this sidecar's spool; the first is the sum of the others."""

    accepted: int
    stored: int
    quarantined: int
    dropped: int
    waiting: int


class Health(BaseModel):
    """`status` is "ok" when predictions are being logged and collected."""

    status: str
    parts: dict[str, Part]
    rows: Rows
    lag_s: float


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str


_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"model": Problem, "description": "The database does not answer"}
}


def create_app(settings: Settings) -> FastAPI:
    """The sidecar as an ASGI application; its parts run while it does."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = Service(settings)
        app.state.service.start()
        try:
            yield
        finally:
            app.state.service.stop()

    app = FastAPI(title="Revenue predictions", description=__doc__, lifespan=running)
    app.add_exception_handler(psycopg2.Error, _no_database)
    names = (*settings.segments, *BY_TIME)
    _add_routes(app, StrEnum("GroupBy", {name: name for name in names}))
    return app


def _no_database(request: Request, error: Exception) -> JSONResponse:
    _log.error("Database: %s", str(error).strip().partition("\n")[0])
    return JSONResponse({"detail": "The database does not answer; see /health."}, 503)


def _add_routes(app: FastAPI, group_by_type: Any) -> None:
    @app.get("/stats", responses=_UNAVAILABLE)
    def stats(
        start: Annotated[
            datetime | None,
            Query(description="first moment, ISO 8601; 30 days before `end` by default"),
        ] = None,
        end: Annotated[
            datetime | None, Query(description="moment after the last; now by default")
        ] = None,
        group_by: Annotated[
            group_by_type | None, Query(description="answer `groups`, too")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=10_000, description="most groups")] = 100,
    ) -> Stats:
        """Counts, revenue and times of the predictions of a window, UTC.

        The window is widened to whole hours. The answer takes as long for a thousand
        predictions as for a billion.
        """
        now = datetime.now(UTC)
        try:
            window = Window.of(start, end, now)
        except (ValueError, OverflowError) as error:
            where = {"type": "value_error", "loc": ("query", "start"), "msg": f"start {error}"}
            raise RequestValidationError([where]) from None
        return statistics(app.state.service.database, window, group_by, limit, now)

    @app.get("/health", responses={503: {"model": Health}})
    def health() -> JSONResponse:
        """What works and what does not; 503 when predictions cannot be logged."""
        answer = _health(app.state.service)
        return JSONResponse(answer.model_dump(), 200 if answer.status == "ok" else 503)


def _health(service: Service) -> Health:
    problems = service.problems()
    rows = service.collector.tally.snapshot()
    return Health(
        status="failing" if any(problems.values()) else "ok",
        parts={
            name: Part(ok=not problem, detail=problem or "works")
            for name, problem in problems.items()
        },
        rows=Rows(
            accepted=rows.accepted,
            stored=rows.stored,
            quarantined=rows.quarantined,
            dropped=rows.dropped,
            waiting=rows.waiting,
        ),
        lag_s=rows.lag_s,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    uvicorn.run(
        create_app(Settings.from_environment()),
        host=options.host,
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=_STOP_TIMEOUT_S,
    )


if __name__ == "__main__":
    main()
