"""What the alerts need to know beside the log: recent predictions, the champion, the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg2
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from revenue_model.sidecar.registry import Registry
from revenue_model.sidecar.reports.stats import Window, statistics
from revenue_model.sidecar.service import Service

_RECENT = timedelta(hours=1)
_IN_USE = timedelta(days=2)  # a version that predicted since is still in use


class RecentMetrics(Collector):
    """Gauges asked for at each scrape; one whose source does not answer is left out."""

    def __init__(self, service: Service, registry: Registry) -> None:
        self._service, self._registry = service, registry

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._predictions()
        yield from self._realised()
        registry = GaugeMetricFamily("revenue_registry_up", "1 when MLflow answers")
        champion = GaugeMetricFamily("revenue_champion_up", "1 when there is a champion")
        found = self._registry.has_champion()
        registry.add_metric([], found is not None)
        if found is not None:
            champion.add_metric([], found)
        free = GaugeMetricFamily("revenue_spool_free_bytes", "Left on the disk of the spool")
        with suppress(OSError):
            free.add_metric([], shutil.disk_usage(self._service.settings.spool).free)
        yield from (registry, champion, free)

    def _predictions(self) -> Iterator[GaugeMetricFamily]:
        """Of the last full hour and since: the counts are kept by the hour."""
        now = datetime.now(UTC)
        try:
            window = Window.of(now - _RECENT, now, now)
            stats = statistics(self._service.database, window, None, 1, now)
        except psycopg2.Error:
            return
        for name, value, meaning in (
            ("predictions", stats.predictions, "Rows predicted in the last hour or two"),
            ("failed", stats.failed, "Rows refused in the last hour or two"),
        ):
            yield GaugeMetricFamily(f"revenue_recent_{name}", meaning, value)
        took = GaugeMetricFamily(
            "revenue_recent_inference_seconds",
            "Time in the model, of the last hour or two",
            labels=["percentile"],
        )
        for name, milliseconds in stats.inference_time_ms_quantiles.items():
            if milliseconds is not None:
                took.add_metric([name.removeprefix("p")], milliseconds / 1000)
        yield took

    def _realised(self) -> Iterator[GaugeMetricFamily]:
        """Of each version of the last days with enough matured labels for an interval."""
        gauges = {
            bound: GaugeMetricFamily(
                f"revenue_realised_ratio{bound}", meaning, labels=["model_version"]
            )
            for bound, meaning in (
                ("", "Real over predicted revenue of the versions of the last 2 days"),
                ("_low", "Lower end of its 95% interval"),
                ("_high", "Upper end of its 95% interval"),
            )
        }
        now = datetime.now(UTC)
        recent = Window.of(now - _IN_USE, now, now).bounds(hourly=False, now=now)
        try:
            groups = self._service.database.rows(
                "groups", segment="", group="model_version", **recent
            )
            in_use = {group["value"].removesuffix(" (shadow)") for group in groups}
            for row in self._service.database.rows("realised"):
                if row["model_version"] in in_use and row["bias_low"]:
                    for bound, bias in (
                        ("", row["bias"]),
                        ("_low", row["bias_high"]),
                        ("_high", row["bias_low"]),
                    ):
                        gauges[bound].add_metric([row["model_version"]], 1 / bias)
        except psycopg2.Error:
            return
        yield from gauges.values()
