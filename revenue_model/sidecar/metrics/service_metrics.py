"""The sidecar's numbers for Prometheus, and what its alerts need to know besides."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg2
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from revenue_model.sidecar.registry import Registry
from revenue_model.sidecar.reports.stats import Window, statistics
from revenue_model.sidecar.service import Service

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_RECENT = timedelta(hours=1)
_IN_USE = timedelta(days=2)  # a version that predicted since is still in use
Family = CounterMetricFamily | GaugeMetricFamily


class RequestCounter:
    """ASGI middleware that counts the answers by method, route and status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers = Counter(
            "revenue_sidecar_requests",
            "Answers of the sidecar.",
            ("method", "route", "status"),
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._answers.labels(method, route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, counted)


class ServiceMetrics(Collector):
    """Asked for at each scrape; a gauge whose source does not answer is left out."""

    def __init__(self, service: Service, registry: Registry) -> None:
        self._service, self._registry = service, registry

    def collect(self) -> Iterator[Family]:
        yield from self._rows()
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

    def _rows(self) -> Iterator[Family]:
        """Taken at one moment: accepted is the sum of the other rows."""
        problems = self._service.problems()
        rows = self._service.collector.tally.snapshot()
        for name, value, meaning in (
            ("accepted", rows.accepted, "Rows predicted or refused by the model"),
            ("stored", rows.stored, "Rows in Postgres"),
            ("quarantined", rows.quarantined, "Lines that were no prediction"),
            ("dropped", rows.dropped, "Rows for which the log had no room"),
        ):
            yield CounterMetricFamily(f"revenue_rows_{name}", meaning, value)
        for name, number, meaning in (
            ("revenue_rows_waiting", rows.waiting, "Rows in the spool, not yet in Postgres"),
            ("revenue_waiting_bytes", rows.waiting_bytes, "Their size"),
            ("revenue_lag_seconds", rows.lag_s, "Age of the oldest row that waits"),
            ("revenue_database_up", not problems["database"], "1 when Postgres answers"),
            ("revenue_collector_up", not problems["collector"], "1 when rows are collected"),
            ("revenue_spool_up", not problems["spool"], "1 when predictions can be logged"),
        ):
            yield GaugeMetricFamily(name, meaning, number)

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
