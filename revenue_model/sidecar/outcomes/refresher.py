"""Keeps the installs, one prediction a user and version, and the realised figures fresh."""

from __future__ import annotations

import logging
import threading
import time

import psycopg2

from revenue_model.sidecar.store.database import Database, execute

_log = logging.getLogger(__name__)

_MAX_SHARE = 0.1  # of the time that may go into refreshing


class Refresher(threading.Thread):
    """Refreshes every `every_s` seconds until `stop`, less often when it takes long.

    `install_time` names the column of the log with the time of the install.
    """

    def __init__(self, database: Database, install_time: str, every_s: float) -> None:
        super().__init__(name="refresher", daemon=True)
        self._database, self._every_s = database, every_s
        self._install_time = install_time
        self._stopping = threading.Event()

    def run(self) -> None:
        wait_s = min(self._every_s, 1.0)  # the collector migrates first
        while not self._stopping.wait(wait_s):
            began = time.monotonic()
            try:
                self.refresh()
            except psycopg2.Error as error:
                _log.warning("Refreshing the installs: %s", str(error).partition("\n")[0])
            wait_s = max(self._every_s, (time.monotonic() - began) / _MAX_SHARE)

    def stop(self) -> None:
        self._stopping.set()
        self.join(5)

    def refresh(self) -> None:
        """Take in the predictions and labels that are new. Raises `psycopg2.Error`."""
        with self._database.transaction() as connection:
            execute(connection, "refresh", time_column=self._install_time)
