"""The parts of a running sidecar: what is started, asked and stopped together."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import psycopg2

from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.collect.fsync import Syncer
from revenue_model.sidecar.outcomes.refresher import Refresher
from revenue_model.sidecar.settings import Settings
from revenue_model.sidecar.store.database import Database
from revenue_model.sidecar.store.embedded_postgres import EmbeddedPostgres

_log = logging.getLogger(__name__)


class Service:
    """The database, the collector and what bounds a power loss; from `start` to `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.spool.mkdir(parents=True, exist_ok=True)
        self._embedded = (
            None if settings.database_url else EmbeddedPostgres(settings.state / "postgres")
        )
        self.database = Database(self._embedded.url if self._embedded else settings.database_url)
        self.collector = Collector(
            self.database,
            settings.spool,
            poll_s=settings.poll_s,
            retention_days=settings.retention_days,
            install_time=settings.install_time,
            revive=self._embedded.revive if self._embedded else lambda: None,
        )
        self.refresher = Refresher(self.database, settings.install_time, settings.refresh_s)
        self._syncer = Syncer(settings.spool, settings.sync_s)

    def start(self) -> None:
        self.collector.start()
        self.refresher.start()
        self._syncer.start()

    def stop(self) -> None:
        self._syncer.stop()
        self.refresher.stop()
        self.collector.stop()
        self.database.close()
        if self._embedded:
            self._embedded.stop()

    def problems(self) -> dict[str, str]:
        """What is wrong with each part, "" when nothing is."""
        return {
            "database": _database_problem(self.database),
            "collector": self.collector.problem
            if self.collector.is_alive()
            else "has ended; restart the sidecar",
            "spool": _spool_problem(self.settings.spool),
        }


def _database_problem(database: Database) -> str:
    try:
        with database.transaction():
            return ""
    except psycopg2.Error as error:
        return f"does not answer ({type(error).__name__})"


def _spool_problem(spool: Path) -> str:
    """Why predictions cannot be logged, as far as it can be seen from here."""
    try:
        if not os.access(spool, os.W_OK | os.X_OK):
            return "is not writable: predictions go on and are not logged"
        if not shutil.disk_usage(spool).free:
            return "is on a full disk: predictions go on and are dropped from the log"
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    return ""
