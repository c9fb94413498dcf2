"""What a client may send and sees of errors, before and after MLflow's application."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from revenue_model.serving.error_filter import ErrorFilter


async def media_type(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.headers["content-type"])


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("application/json", "application/json"),
        ("application/json;", "application/json"),
        ("Application/JSON", "application/json"),
        ('application/json; charset="utf-8"', "application/json; charset=utf-8"),
        ("application/json ; charset=UTF-8", "application/json; charset=utf-8"),
        ("APPLICATION/json;version=1;CharSet=utf-8", "application/json; charset=utf-8"),
        ("text/CSV; header=present", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("text/csv; charset=latin-1", "text/csv; charset=latin-1"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_a_media_type_may_be_spelled_as_rfc_9110_allows(spelled: str, expected: str) -> None:
    app = ErrorFilter(Starlette(routes=[Route("/", media_type, methods=["POST"])]))
    answer = TestClient(app).post("/", content=b"", headers={"Content-Type": spelled})
    assert answer.text == expected
