"""Routes: what was predicted, and whether it has moved."""

# No `from __future__ import annotations`: FastAPI reads the types of the parameters.

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from revenue_model.sidecar.http.bodies import documented
from revenue_model.sidecar.reports.drift_report import WINDOW, DriftReport, examine, length
from revenue_model.sidecar.reports.stats import (
    HOUR,
    UnknownGroup,
    Window,
    ceiling,
    statistics,
    utc,
)
from revenue_model.sidecar.reports.stats_bodies import Stats

router = APIRouter(tags=["statistics"])


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
        str | None,
        Query(description="answer `groups` too: by a segment column, model_version, day or hour"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="groups at most")] = 100,
) -> Response:
    """Counts, revenue and times of the predictions of a window, UTC.

    The window is widened to whole hours. The answer takes as long for a thousand
    predictions as for a billion.
    """
    now = datetime.now(UTC)
    try:
        window = Window.of(start, end, now)
    except (ValueError, OverflowError) as error:
        raise _wrong("start", str(error)) from None
    database = request.app.state.service.database
    try:
        answer = statistics(database, window, group_by, limit, now)
    except UnknownGroup as error:
        raise _wrong("group_by", str(error)) from None
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
        Query(pattern="^[ -~]{1,100}$", description="by default the one that predicted most"),
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
        raise _wrong("end", "is too early") from None
    return examine(service.database, registry, last, size, model_version)


def _wrong(parameter: str, reason: str) -> RequestValidationError:
    where = {"type": "value_error", "loc": ("query", parameter), "msg": f"{parameter} {reason}"}
    return RequestValidationError([where])
