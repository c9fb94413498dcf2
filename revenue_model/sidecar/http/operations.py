"""Routes: whether it works, for people, for Prometheus, and the page."""

# No `from __future__ import annotations`: FastAPI reads the types of the parameters.

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import revenue_model.sidecar
from revenue_model.sidecar.http.bodies import Health, Part, Rows, Serving
from revenue_model.sidecar.http.model_server import ModelServer, Unavailable
from revenue_model.sidecar.service import Service

PAGE = Path(revenue_model.sidecar.__path__[0], "page")

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
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


@router.get("/", include_in_schema=False)
def page() -> FileResponse:
    return FileResponse(PAGE / "index.html")


async def _serving(model_server: ModelServer) -> Serving:
    try:
        state = await model_server.serving()
    except Unavailable as error:
        return Serving(problem=str(error))
    problems = (state.get("problem"), state.get("challenger_problem"))
    return Serving(
        version=state.get("number"),
        challenger=state.get("challenger") or None,
        challenger_share=state.get("challenger_share"),
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
        rows=Rows.model_validate(rows, from_attributes=True),
        lag_s=rows.lag_s,
    )
