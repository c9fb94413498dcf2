"""Asks the model server on behalf of clients that speak flat JSON."""

from __future__ import annotations

import json
from typing import Any

import httpx

_TIMEOUT_S = 30.0
_STATE_TIMEOUT_S = 2.0
_MAX_ATTEMPTS = 256  # to find the bad rows of one batch

Row = dict[str, Any]


class Refused(Exception):
    """The model does not take these rows; the message is the model's."""


class Unavailable(Exception):
    """The model server does not answer, or not as it should."""


class ModelServer:
    """Predictions of the model server at `url` over connections that are kept open."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S)

    async def close(self) -> None:
        await self._client.aclose()

    async def serving(self) -> dict[str, Any]:
        """What `scripts/serve` tells of the version that answers. Raises `Unavailable`."""
        try:
            answer = await self._client.get("/serving", timeout=_STATE_TIMEOUT_S)
            return dict(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"The model server does not tell its version ({error!r}).") from None

    async def predict(self, rows: list[Row], request_id: str = "") -> list[Row]:
        """One answer a row. Raises `Refused` or `Unavailable`."""
        body = json.dumps({"dataframe_records": rows})
        headers = {
            b"Content-Type": b"application/json",
            b"X-Request-ID": request_id.encode("latin-1"),  # as headers are read
        }
        try:
            answer = await self._client.post("/invocations", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"The model server does not answer ({error!r}).") from None
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Refused(_reason(answer))
        try:
            predictions = answer.raise_for_status().json()["predictions"]
        except (httpx.HTTPError, ValueError, KeyError):
            raise Unavailable(f"The model server answered {answer.status_code}.") from None
        return list(predictions)

    async def predict_each(self, rows: list[Row], request_id: str = "") -> list[Row]:
        """One answer a row; a row that the model refuses gets `error` instead.

        A refused batch is asked again in halves, so that bad rows do not lose the others.
        After many attempts the rows left share the reason of their batch.
        """
        answers: list[Row] = []
        parts, attempts = [rows], 0  # the next part is the last
        while parts:
            part = parts.pop()
            attempts += 1
            try:
                answers += await self.predict(part, request_id)
            except Refused as reason:
                half = len(part) // 2
                if half and attempts < _MAX_ATTEMPTS - 1:
                    parts += [part[half:], part[:half]]
                else:
                    answers += [{"error": str(reason)}] * len(part)
        return answers


def _reason(answer: httpx.Response) -> str:
    try:
        message = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.text
    return str(message).strip().partition("\n")[0][:500] or "The model refused the request."
