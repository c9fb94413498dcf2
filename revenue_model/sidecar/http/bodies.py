"""What the sidecar's routes take and answer; `reports` has those of /stats and /drift."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

MAX_ROWS = 10_000
EXAMPLE = {
    "country": "us",
    "country_region": "California",
    "source": "Organic",
    "platform": "iOS",
    "device_family": "Apple iPhone",
    "os_version": "14.4",
    "event_1": 0,
    "event_2": 42,
    "event_3": 1,
    "user_id": "first-user",
}
_OUTCOME = {
    "type": "object",
    "required": ["user_id", "revenue"],
    "properties": {
        "user_id": {"type": "string"},
        "revenue": {"type": "number", "description": "USD in the first 7 days, 0 or more"},
        "time": {"type": "string", "description": "when it was measured, ISO 8601; optional"},
    },
    "example": {"user_id": "first-user", "revenue": 1.5},
}
OUTCOMES_BODY = {  # the route reads bytes: a bad line must not lose the others
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "array", "items": _OUTCOME}},
        "text/csv": {"schema": {"type": "string", "example": "user_id,revenue\nfirst-user,1.5\n"}},
    },
}

Install = Annotated[
    dict[str, str | float | bool | None],
    Field(
        description="a value for each column of the model's signature, see /model/info",
        examples=[EXAMPLE],
    ),
]
Installs = Annotated[list[Install], Field(min_length=1, max_length=MAX_ROWS)]


class Prediction(BaseModel):
    """What one install brings."""

    predicted_revenue: float = Field(description="USD in the first 7 days, at least 0")


class Answer(Prediction):
    """A prediction and the call that brought it."""

    inference_time_ms: float = Field(description="as seen from here, network included")
    timestamp: datetime


class RowProblem(BaseModel):
    """Why this row of a batch has no prediction."""

    error: str


class BatchAnswer(BaseModel):
    """One item a row, in the order of the request."""

    predictions: list[Prediction | RowProblem]
    failed: int = Field(description="rows without a prediction")
    inference_time_ms: float
    timestamp: datetime


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


class Serving(BaseModel):
    """Which version the model server answers with, as `scripts/serve` tells."""

    version: str | None = Field(
        default=None, description="the one that answers; null when not known"
    )
    challenger: str | None = Field(default=None, description="the one beside it")
    challenger_share: float | None = Field(default=None, description="of users; 0: in shadow")
    problem: str = Field(
        default="", description="why it is not what the aliases of the registry name"
    )


class Health(BaseModel):
    """`status` is "ok" when predictions are being logged and collected."""

    status: str
    parts: dict[str, Part]
    serving: Serving
    rows: Rows
    lag_s: float = Field(description="age of the oldest row that waits")


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str


def documented(**problems: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's responses of a route, as `_503="The database does not answer"`."""
    return {
        int(status[1:]): {"model": Problem, "description": meaning}
        for status, meaning in problems.items()
    }
