"""How the servers write their logs: for a person, or as one JSON object a line.

`REVENUE_LOG_FORMAT=json` chooses the second, with a line for each request besides. The worker
of the model server loads this file by its path, so it imports only the standard library.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_log = logging.getLogger("revenue_model.requests")

_VARIABLE = "REVENUE_LOG_FORMAT"
_PLAIN = "%(asctime)s %(levelname)s %(message)s"
_QUIET = ("/ping", "/health", "/metrics")  # asked all the time: a line if they fail
_MAX_CHARACTERS = 200  # of what a client chose: id and path
_FIELDS = ("method", "path", "status", "time_s")
_request_id: ContextVar[str] = ContextVar("request_id", default="")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def configure() -> None:
    """Send all records to stderr in the chosen format. Raises `ValueError` for another one.

    Handlers that libraries have set for themselves are taken away.
    """
    form = os.environ.get(_VARIABLE) or "plain"
    if form not in ("plain", "json"):
        raise ValueError(f"{_VARIABLE} must be plain or json, got {form!r}.")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(_PLAIN))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    _log.setLevel(logging.INFO if form == "json" else logging.WARNING)


class JsonLines(logging.Formatter):
    r"""A record as JSON: time, level, logger, message, and what of the request is known.

    >>> about = {"name": "a", "levelname": "INFO", "msg": "Up.", "created": 0}
    >>> print(JsonLines().format(logging.makeLogRecord(about)).replace(", ", ",\n"))
    {"time": "1970-01-01T00:00:00.000+00:00",
    "level": "info",
    "logger": "a",
    "message": "Up."}
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := _request_id.get():
            line["request_id"] = request_id
        line |= {name: vars(record)[name] for name in _FIELDS if name in vars(record)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class RequestLog:
    """ASGI middleware: what is logged of a request has its `X-Request-ID`, its end is logged.

    Neither query nor body nor any other header is.
    """

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        _request_id.set(given.decode("latin-1")[:_MAX_CHARACTERS])
        began, status = time.perf_counter(), 500

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            if _log.isEnabledFor(logging.INFO) and (status >= 400 or scope["path"] not in _QUIET):
                seen = scope["method"], scope["path"][:_MAX_CHARACTERS], status
                values = (*seen, round(time.perf_counter() - began, 6))
                _log.info("%s %s %d", *seen, extra=dict(zip(_FIELDS, values, strict=True)))
