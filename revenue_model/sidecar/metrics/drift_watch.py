"""Drift for Prometheus, looked at now and then: a scrape only reads what was found."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from revenue_model.sidecar.registry import Registry
from revenue_model.sidecar.reports.drift import VERDICTS
from revenue_model.sidecar.reports.drift_report import DriftReport, examine, length
from revenue_model.sidecar.reports.stats import HOUR, ceiling
from revenue_model.sidecar.store.database import Database

_log = logging.getLogger(__name__)

_WINDOW = length("7d")  # as /drift has it by default


class DriftWatch(threading.Thread, Collector):
    """Looks at the last 7 days every `every_s` seconds until `stop`.

    What was found is reported until the next look; after one that fails there is nothing.
    """

    def __init__(self, database: Database, registry: Registry, every_s: float) -> None:
        super().__init__(name="drift", daemon=True)
        self._database, self._registry, self._every_s = database, registry, every_s
        self._report: DriftReport | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        wait_s = min(self._every_s, 10.0)  # the collector migrates first
        while not self._stopping.wait(wait_s):
            try:
                end = ceiling(datetime.now(UTC), HOUR)
                self._report = examine(self._database, self._registry, end, _WINDOW, None)
            except Exception as error:  # or the last report would stay for ever
                self._report = None
                _log.warning("Looking for drift: %s", str(error).partition("\n")[0])
            wait_s = self._every_s

    def stop(self) -> None:
        self._stopping.set()
        self.join(5)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        psi = GaugeMetricFamily(
            "revenue_drift_psi",
            "Of 7 days against training, or the 7 before",
            labels=["column"],
        )
        level = GaugeMetricFamily(
            "revenue_drift_level", "0 none, 1 moderate, 2 large", labels=["column"]
        )
        report = self._report
        for column in report.columns if report else ():
            found = column.reference or column.before
            if found:
                psi.add_metric([column.column], found.psi)
                level.add_metric([column.column], VERDICTS.index(found.verdict))
        yield from (psi, level)
