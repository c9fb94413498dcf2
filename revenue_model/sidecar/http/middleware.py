"""What every answer of the sidecar keeps to: a key where one is asked for, safe headers."""

from __future__ import annotations

import hmac
import ipaddress

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}
_CDN = "https://cdn.jsdelivr.net"
_DOCS_POLICY = (  # FastAPI's own page of the API: a script within it, the rest from elsewhere
    f"default-src 'self'; script-src 'unsafe-inline' {_CDN}; style-src 'unsafe-inline' {_CDN}; "
    "img-src 'self' data: https://fastapi.tiangolo.com; frame-ancestors 'none'"
)


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SafeHeaders:
    """ASGI middleware: no framing, no sniffing, no foreign scripts, and no CORS at all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if scope["path"] in ("/docs", "/redoc"):
                    headers["Content-Security-Policy"] = _DOCS_POLICY
            await send(message)

        await self._app(scope, receive, with_headers)


class KeyRequired:
    """ASGI middleware: 401 without one of `keys` as bearer token; no keys, no question."""

    def __init__(self, app: ASGIApp, keys: tuple[str, ...]) -> None:
        self._app = app
        self._expected = [f"Bearer {key}".encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._expected:
            given = Headers(scope=scope).get("authorization", "").encode("latin-1", "replace")
            matches = [hmac.compare_digest(given, key) for key in self._expected]
            if not any(matches):
                detail = "The sidecar needs one of REVENUE_SIDECAR_KEYS as bearer token."
                refusal = JSONResponse({"detail": detail}, 401, {"WWW-Authenticate": "Bearer"})
                return await refusal(scope, receive, send)
        await self._app(scope, receive, send)


def name_the_parameter(request: Request, error: Exception) -> JSONResponse:
    """422 with where and why, as FastAPI's own, without repeating what was sent."""
    assert isinstance(error, RequestValidationError)
    problems = [{name: part[name] for name in ("type", "loc", "msg")} for part in error.errors()]
    return JSONResponse({"detail": problems}, 422)
