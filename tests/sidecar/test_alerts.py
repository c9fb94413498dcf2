"""The rules and the configuration for Prometheus, checked by its own tool and by a real one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from tests.sidecar.conftest import Writer
from tests.sidecar.test_app import client, model_server, settings, wait_for_predictions
from tests.system.servers import ROOT

__all__ = ["client", "model_server", "settings"]  # fixtures

DEPLOY = ROOT / "deploy" / "prometheus"
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="needs prometheus")


def promtool(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["promtool", *arguments], input=given, capture_output=True, text=True, cwd=DEPLOY
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_rules_and_the_configuration_are_valid(tmp_path: Path) -> None:
    config = (DEPLOY / "prometheus.yml").read_text().replace("/tmp/sidecar-key", "key")
    (tmp_path / "key").touch()
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(DEPLOY / "rules.yml", tmp_path)
    assert f"{len(RULES)} rules found" in promtool(
        "check", "config", f"{tmp_path}/prometheus.yml"
    )


def test_the_metrics_are_as_prometheus_wants_them_and_the_rules_know_them(
    client: TestClient, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.log([1.0, 2.0], inference_time_s=0.025)
    one.fail("refused")
    wait_for_predictions(client, 2)
    text = client.get("/metrics").text
    promtool("check", "metrics", given=text)
    values = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("revenue_")
    )
    assert values["revenue_recent_predictions"] == "2.0"
    assert values["revenue_recent_failed"] == "1.0"
    p99 = float(values['revenue_recent_inference_seconds{percentile="99"}'])
    assert p99 == pytest.approx(0.025, rel=0.3)  # by a histogram
    assert values["revenue_registry_up"] == "0.0"  # there is none
    assert float(values["revenue_spool_free_bytes"]) > 0
    said = set(re.findall(r"# TYPE (\w+)", text))
    for rule in RULES:
        used = set(re.findall(r"revenue_\w+", rule["expr"]))
        later = {"revenue_drift_psi"}
        assert used <= said | later, rule["alert"]
