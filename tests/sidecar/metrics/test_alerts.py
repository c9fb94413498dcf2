"""The rules and the configuration for Prometheus, checked by its own tool and by a real one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from revenue_model.sidecar.app import create_app
from revenue_model.sidecar.settings import Settings
from revenue_model.sidecar.store.database import Database
from tests.modes import needs
from tests.sidecar.conftest import Writer
from tests.sidecar.outcomes.test_labels import Log, label, log
from tests.sidecar.test_app import (
    client,
    lonely,
    model_server,
    settings,
    wait_for,
    wait_for_predictions,
)
from tests.system.servers import ROOT

__all__ = ["client", "log", "lonely", "model_server", "settings"]  # fixtures

DEPLOY = ROOT / "deploy" / "prometheus"
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]


def promtool(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["promtool", *arguments], input=given, capture_output=True, text=True, cwd=DEPLOY
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs("promtool")
def test_the_rules_and_the_configuration_are_valid(tmp_path: Path) -> None:
    config = (DEPLOY / "prometheus.yml").read_text().replace("/tmp/sidecar-key", "key")
    (tmp_path / "key").touch()
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(DEPLOY / "rules.yml", tmp_path)
    assert f"{len(RULES)} rules found" in promtool("check", "config", f"{tmp_path}/prometheus.yml")


@needs("promtool")
def test_the_metrics_are_as_prometheus_wants_them_and_the_rules_know_them(
    client: TestClient, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.fail("refused")  # first: what stands before the last prediction is counted with it
    one.log([1.0, 2.0], inference_time_s=0.025)
    wait_for_predictions(client, 2)
    text = client.get("/metrics").text
    promtool("check", "metrics", given=text)
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("revenue_"))
    assert values["revenue_recent_predictions"] == "2.0"
    assert values["revenue_recent_failed"] == "1.0"
    p99 = float(values['revenue_recent_inference_seconds{percentile="99"}'])
    assert p99 == pytest.approx(0.025, rel=0.3)  # by a histogram
    assert values["revenue_registry_up"] == "0.0"  # there is none
    assert float(values["revenue_spool_free_bytes"]) > 0
    said = set(re.findall(r"# TYPE (\w+)", text))
    for rule in RULES:
        assert set(re.findall(r"revenue_\w+", rule["expr"])) <= said, rule["alert"]


# For each rule the series that set it off, and the nearest that must not.
ROWS, UP = "revenue_rows", "up{job='sidecar'}"
FIRES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "SidecarDown": ({UP: "0x200"}, {UP: "1x200"}),
    "CollectorLag": ({"revenue_lag_seconds": "61x200"}, {"revenue_lag_seconds": "59x200"}),
    "RowsDropped": ({f"{ROWS}_dropped_total": "0+1x200"}, {f"{ROWS}_dropped_total": "9x200"}),
    "RowsQuarantined": (
        {f"{ROWS}_quarantined_total": "0+1x200"},
        {f"{ROWS}_quarantined_total": "9x200"},
    ),
    "DatabaseDown": ({"revenue_database_up": "0x200"}, {"revenue_database_up": "1x200"}),
    "SpoolDiskAlmostFull": (
        {"revenue_spool_free_bytes": "1.9e9x200"},
        {"revenue_spool_free_bytes": "2.1e9x200"},
    ),
    "SidecarErrors": (
        {
            "revenue_sidecar_requests_total{status='200'}": "0+98x200",
            "revenue_sidecar_requests_total{status='503'}": "0+2x200",
        },
        {
            "revenue_sidecar_requests_total{status='200'}": "0+995x200",
            "revenue_sidecar_requests_total{status='503'}": "0+5x200",
        },
    ),
    "PredictionsRefused": (
        {"revenue_recent_predictions": "94x200", "revenue_recent_failed": "6x200"},
        {"revenue_recent_predictions": "96x200", "revenue_recent_failed": "4x200"},
    ),
    "PredictionsSlow": (
        {"revenue_recent_inference_seconds{percentile='99'}": "0.021x200"},
        {
            "revenue_recent_inference_seconds{percentile='99'}": "0.019x200",
            "revenue_recent_inference_seconds{percentile='50'}": "0.021x200",
        },
    ),
    "NoChampion": ({"revenue_champion_up": "0x200"}, {"revenue_champion_up": "1x200"}),
    "RegistryDown": ({"revenue_registry_up": "0x200"}, {"revenue_registry_up": "1x200"}),
    "InputsDrift": (
        {"revenue_drift_level{column='country'}": "2x200"},
        {"revenue_drift_level{column='country'}": "1x200"},
    ),
    "PredictionsDrift": (
        {"revenue_drift_level{column='predicted_revenue'}": "2x200"},
        {"revenue_drift_level{column='country'}": "2x200"},
    ),
    "PredictionsBiased": (
        {
            "revenue_realised_ratio{model_version='3'}": "0.7x200",
            "revenue_realised_ratio_low{model_version='3'}": "0.5x200",
            "revenue_realised_ratio_high{model_version='3'}": "0.9x200",
        },
        {
            "revenue_realised_ratio{model_version='3'}": "1.3x200",
            "revenue_realised_ratio_low{model_version='3'}": "0.9x200",
            "revenue_realised_ratio_high{model_version='3'}": "1.8x200",
        },
    ),
}


@needs("promtool")
def test_each_rule_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    assert set(FIRES) == {rule["alert"] for rule in RULES}
    firing = "count(ALERTS{{alertname='{}', alertstate='firing'}}) or vector(0)"
    cases = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": firing.format(alert),
                    "eval_time": "3h",
                    "exp_samples": [{"labels": "{}", "value": fires}],
                }
            ],
        }
        for alert, both in FIRES.items()
        for fires, series in zip((1, 0), both, strict=True)
    ]
    content = {"rule_files": [str(DEPLOY / "rules.yml")], "tests": cases}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(content))
    assert "SUCCESS" in promtool("test", "rules", f"{tmp_path}/test.yml")


def test_drift_and_bias_are_gauges_of_what_is_in_use(
    settings: Settings,
    database: Database,
    writer: Callable[..., Writer],
    log: Log,
) -> None:
    old, new = writer("1"), writer("2")
    for user in range(40):
        for version in (old, new):
            days_ago = 8 + user / 1000 + (version is old) / 5000
            log.log(version, days_ago, 2.0, user_id=f"u{user}", country="br")
        label(database, f"u{user}", 1.0 + user % 2)
    log.refresh()
    writer("2").log([2.0] * 50, country="us")
    with TestClient(create_app(replace(settings, drift_every_s=0.1))) as client:

        def gauges() -> dict[str, float]:
            families = text_string_to_metric_families(client.get("/metrics").text)
            return {
                sample.name + str(list(sample.labels.values())): sample.value
                for family in families
                for sample in family.samples
            }

        wait_for(lambda: gauges().get("revenue_drift_level['country']") == 2)
        found = gauges()
    assert found["revenue_drift_psi['country']"] > 1
    assert found["revenue_drift_level['platform']"] == 0
    assert found["revenue_realised_ratio['2']"] == 0.75
    assert 0.6 < found["revenue_realised_ratio_low['2']"] < 0.75
    assert 0.75 < found["revenue_realised_ratio_high['2']"] < 0.9
    assert "revenue_realised_ratio['1']" not in found  # it predicted nothing of late


@needs("promtool")
def test_without_a_database_the_scrape_answers_without_them(lonely: TestClient) -> None:
    text = lonely.get("/metrics").text
    promtool("check", "metrics", given=text)
    assert "revenue_database_up 0.0" in text
    assert not re.search(r"^revenue_(drift|realised)", text, re.MULTILINE)
