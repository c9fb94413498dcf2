"""What MLflow's scoring server answers, made fit for clients: it has no setting for it.

- The request's `X-Request-ID` reaches the model, by MLflow's prediction context, and with it
  the prediction log.
- A refusal is one line of JSON. MLflow repeats the input, names files and adds stack traces;
  here only known messages pass, without the client's values, all others become a general one.
- What MLflow cannot parse at all is a 400 or 415, not a 500.
- A media type may be spelled in all the ways that RFC 9110 allows.

Like the worker that wraps its application in it, it imports nothing of this project.
"""

from __future__ import annotations

import json
import logging
import re
from email.message import Message
from typing import Any

from mlflow.pyfunc.context import Context, set_prediction_context
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Event

_log = logging.getLogger("uvicorn.error")

_KNOWN = re.compile(
    r"Column '[^']{1,200}', row \d+: expected [^,]*"
    r"|Model is missing inputs \[[^\]]*\]"
    r"|Failed to convert column \S{1,200} to type '\w+'"
    r"|Provided dataframe_split field is not a valid dataframe representation"
    r"|Dataframe records format must be a list of records"
    r"|The input must be a JSON dictionary with exactly one of the input fields \{[^}]*\}"
    r"|Ensure that input is a valid (JSON formatted|UTF-8 encoded) string"
    r"|Ensure that the input is a valid (CSV-formatted|Parquet) Pandas DataFrame"
    r"|Failed to validate type and shape for '\w{1,64}'"
    r"|Parameters must be a dictionary"
)
_GENERAL = {
    400: "The model cannot read or predict this body",
    404: "There is nothing at this path",
    405: "The path does not take this method",
    415: "Content-Type must be application/json, text/csv or application/vnd.apache.parquet, "
    "in UTF-8",
    504: "The prediction took too long",
}
_CODES = {400: "BAD_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 415: "BAD_REQUEST"}


class ErrorFilter:
    """ASGI middleware around MLflow's application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        if scope["method"] == "POST":
            if "content-type" not in headers:
                return await _refusal(415, b"", request_id)(scope, receive, send)
            if headers["content-type"] != "application/json":  # as most, and quicker
                kind = _media_type(headers["content-type"]).encode("latin-1")
                others = [each for each in scope["headers"] if each[0] != b"content-type"]
                scope = dict(scope, headers=[*others, (b"content-type", kind)])
        answer = _Answer(send, request_id)
        try:
            with set_prediction_context(Context(request_id=request_id)):
                await self._app(scope, receive, answer.pass_on)
        except Exception as error:  # in MLflow's parsing; the model's own are answered by it
            _log.warning("Request %s cannot be parsed: %s", request_id, type(error).__name__)
            answer.status = 503 if isinstance(error, MemoryError) else 400
        if answer.status:
            await _refusal(answer.status, answer.body, request_id)(scope, receive, send)


def _media_type(content_type: str) -> str:
    """`content_type` as MLflow spells it: RFC 9110 has case, spaces and quotation marks free.

    >>> _media_type('Application/JSON ; Charset="UTF-8";')
    'application/json; charset=utf-8'
    """
    message = Message()
    message["Content-Type"] = content_type.rstrip("; ")
    charset = message.get_content_charset()
    kind = content_type.partition(";")[0].strip().lower()
    return f"{kind}; charset={charset}" if charset else kind


class _Answer:
    """Passes a good answer on as it comes, and holds a bad one back."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._request_id = send, request_id.encode("latin-1")
        self.status = 0  # of an answer that is held back
        self.body = b""

    async def pass_on(self, message: Event) -> None:
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                self.status = message["status"]
            elif self._request_id:
                message["headers"].append((b"x-request-id", self._request_id))
        elif self.status:
            self.body += message.get("body", b"")
        if not self.status:
            await self._send(message)


def _refusal(status: int, body: bytes, request_id: str) -> JSONResponse:
    """What the client may know of MLflow's error answer `body`."""
    known = _KNOWN.search(_message(body)) if status == 400 else None
    general = _GENERAL.get(status, "The model server failed")
    return JSONResponse(
        {
            "error_code": _CODES.get(status, "INTERNAL_ERROR"),
            "message": f"{known.group() if known else general}.",
            "request_id": request_id,
        },
        status,
        {"X-Request-ID": request_id} if request_id else None,
    )


def _message(body: bytes) -> str:
    try:
        answer: Any = json.loads(body)
        # The reason is at the end: before it MLflow repeats the input and the signature.
        return str(answer["message"]).rpartition("\nError: ")[2]
    except (ValueError, KeyError, TypeError):
        return ""
