"""What the sidecar is asked over HTTP: its answers as the dictionaries of docs/api.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx

from revenue_model.errors import CommandError

_TIMEOUT_S = 300  # an upload of 64 MiB is recorded and settled before it is answered


class SidecarClient:
    """The sidecar at `url`; the key is the first of REVENUE_SIDECAR_KEYS, if that is set.

    Every method raises `CommandError` when the sidecar is away or refuses.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        key = os.environ.get("REVENUE_SIDECAR_KEYS", "").partition(",")[0].strip()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S)
        except httpx.InvalidURL:
            raise CommandError(f"sidecar is {url!r}; give a URL, http://HOST:PORT.") from None

    def close(self) -> None:
        self._client.close()

    def post_outcomes(self, path: Path) -> dict[str, Any]:
        """What became of the lines of the CSV file `path`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CommandError(f"outcomes: {path} cannot be read ({error.strerror}).") from None
        headers = {"Content-Type": "text/csv"}
        return self._ask("POST", "/outcomes", str(path), content=content, headers=headers)

    def champion(self) -> dict[str, Any]:
        return self._ask("GET", "/model/info", "the champion")

    def realised(self, version: str) -> dict[str, Any] | None:
        """What the predictions of `version` were worth, None when it has none yet."""
        found = self._ask("GET", "/stats", "statistics")["realised"]
        return next((row for row in found if row["model_version"] == version), None)

    def drift(self, version: str, window: str) -> dict[str, Any]:
        parameters = {"model_version": version, "window": window}
        return self._ask("GET", "/drift", "drift", params=parameters)

    def _ask(self, method: str, path: str, what: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandError(
                f"the sidecar at {self._url} does not answer ({error}); start it, or give "
                "-P sidecar=URL."
            ) from None
        try:
            content = answer.json()
        except ValueError:
            content = None
        if answer.status_code != 200 or not isinstance(content, dict):
            detail = content.get("detail") if isinstance(content, dict) else None
            raise CommandError(
                f"{what}: the sidecar at {self._url} answered {answer.status_code}: "
                f"{detail or answer.text[:200]}"
            )
        return content
