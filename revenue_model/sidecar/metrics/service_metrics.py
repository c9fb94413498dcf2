"""The sidecar's numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector as PrometheusCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from revenue_model.sidecar.service import Service

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
                self._answers.labels(_method(scope), route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, counted)


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    return scope["method"] if scope["method"] in known else "other"


class ServiceMetrics(PrometheusCollector):
    """The rows of the spool, taken at one moment: the first is the sum of the next four."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Family]:
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
