"""Routes: predictions, passed on to the model server, and the model that makes them."""

# No `from __future__ import annotations`: FastAPI reads the types of the parameters.

import time
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from revenue_model.sidecar.http.bodies import (
    EXAMPLE,
    Answer,
    BatchAnswer,
    Install,
    Installs,
    documented,
)
from revenue_model.sidecar.registry import ModelInfo

router = APIRouter(tags=["predictions"])


def _request_id(request: Request) -> str:
    return request.headers.get("x-request-id", "")


def _when(began: float) -> dict[str, Any]:
    return {
        "inference_time_ms": (time.perf_counter() - began) * 1000,
        "timestamp": datetime.now(UTC),
    }


def _examples(value: Any) -> Any:
    return {"default schema": {"value": value}}


@router.post(
    "/predict",
    responses=documented(
        _400="The model does not take this install", _503="The model server does not answer"
    ),
)
async def predict(
    request: Request, install: Annotated[Install, Body(openapi_examples=_examples(EXAMPLE))]
) -> Answer:
    """Predict one install: flat JSON, passed on to the model server's /invocations."""
    began = time.perf_counter()
    [row] = await request.app.state.model_server.predict([install], _request_id(request))
    return Answer(**row, **_when(began))


@router.post("/batch_predict", responses=documented(_503="The model server does not answer"))
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
