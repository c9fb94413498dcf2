"""Routes: what users really brought."""

# No `from __future__ import annotations`: FastAPI reads the types of the parameters.

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from revenue_model.sidecar.http.bodies import OUTCOMES_BODY, documented
from revenue_model.sidecar.outcomes.labels import (
    MAX_BYTES,
    OutcomesAnswer,
    read_csv,
    read_json,
    record,
)

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
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"More than {MAX_BYTES >> 20} MiB; send it in parts.")
    service = request.app.state.service

    def take() -> OutcomesAnswer:
        return record(service.database, readers[kind](bytes(body)), service.refresher.refresh)

    return await run_in_threadpool(take)
