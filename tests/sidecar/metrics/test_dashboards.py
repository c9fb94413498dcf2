"""The dashboards' queries, asked of a real Postgres and a real Prometheus."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
import yaml

from revenue_model.sidecar.store.database import Database
from tests.modes import needs
from tests.sidecar.conftest import Writer, query
from tests.sidecar.test_app import wait_for
from tests.sidecar.test_process import sidecar
from tests.system.servers import ANSWER_S, ROOT, free_port, running

GRAFANA = ROOT / "deploy" / "grafana"
PANELS = [
    panel
    for path in sorted((GRAFANA / "dashboards").glob("*.json"))
    for panel in json.loads(path.read_text())["panels"]
]


def queries(kind: str, key: str) -> dict[str, str]:
    """The panels' queries to the data source `kind`."""
    return {
        f"{panel['title']} {target['refId']}": target[key]
        for panel in PANELS
        if panel["datasource"]["uid"] == kind
        for target in panel["targets"]
    }


def test_the_dashboards_use_the_sources_that_are_provisioned() -> None:
    text = (GRAFANA / "provisioning/datasources/sources.yml").read_text()
    known = {source["uid"]: source["type"] for source in yaml.safe_load(text)["datasources"]}
    for panel in PANELS:
        source = panel["datasource"]
        assert known[source["uid"]] == source["type"]


def test_the_dashboards_ask_postgres_for_what_it_has(
    tmp_path: Path, database_url: str, writer: Callable[..., Writer], folder: Path
) -> None:
    log = {"REVENUE_PREDICTION_LOG": str(folder), "DATABASE_URL": database_url}
    with sidecar(tmp_path / "state", "/stats", **log) as (client, _):
        writer().log([1.0, 3.0], source="Organic", country="us")
        writer().log([10.0], source="unity", country="pe")
        wait_for(lambda: client.get("/stats").json()["total_predictions"] == 3)
    now = datetime.now(UTC)
    window = {"$__timeFrom()": now - timedelta(hours=2), "$__timeTo()": now}
    database = Database(database_url)
    answers = {}
    for name, statement in queries("postgres", "rawSql").items():
        for macro, moment in window.items():
            statement = statement.replace(macro, f"'{moment.isoformat()}'")
        assert "$" not in statement
        answers[name] = query(database, statement)
    database.close()
    assert all(answers.values()), [name for name, rows in answers.items() if not rows]
    assert [row[1] for row in answers["Predicted revenue an hour A"]] == [14.0]
    assert answers["Sources A"] == [("unity", 1, 10.0, 10.0), ("organic", 2, 4.0, 2.0)]


@pytest.mark.long
@needs("prometheus")
def test_the_dashboards_ask_prometheus_for_what_it_has(
    tmp_path: Path, writer: Callable[..., Writer], folder: Path, database_url: str
) -> None:
    """Scraped by the committed configuration and command, but for addresses and folders."""
    port = free_port()
    log = {"REVENUE_PREDICTION_LOG": str(folder), "DATABASE_URL": database_url}
    with sidecar(tmp_path / "state", "/stats", **log) as (client, _):
        config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        job = config["scrape_configs"][0]
        job["authorization"]["credentials_file"] = str(tmp_path / "key")
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{client.base_url.port}"]}]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        shutil.copy(ROOT / "deploy/prometheus/rules.yml", tmp_path)
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        service = compose["prometheus"]
        [line] = service["command"]
        for there, here in (
            ("$$", "$"),
            ("/tmp/sidecar-key", f"{tmp_path}/key"),
            ("/etc/prometheus/", f"{tmp_path}/"),
            ("=/prometheus", f"={tmp_path}/tsdb"),
        ):
            assert there in line
            line = line.replace(there, here)
        command = [*service["entrypoint"], f"{line} --web.listen-address=127.0.0.1:{port}"]
        url = f"http://127.0.0.1:{port}"
        key = os.environ | {"SIDECAR_KEY": "secret"}
        with running(command, f"{url}/-/ready", cwd=tmp_path, environment=key):
            assert (tmp_path / "key").read_text() == "secret"
            writer().log([1.0, 3.0])

            def ask(expression: str) -> list[dict[str, object]]:
                answer = httpx.get(
                    f"{url}/api/v1/query", params={"query": expression}, timeout=ANSWER_S
                )
                assert answer.status_code == 200, answer.text
                return list(answer.json()["data"]["result"])

            # No registry here, hence no champion, and nothing that has long been wrong.
            expected = {
                name: expression
                for name, expression in queries("prometheus", "expr").items()
                if name not in ("Up E", "Alerts A")
            }
            for expression in expected.values():
                wait_for(partial(ask, expression))
            rules = httpx.get(f"{url}/api/v1/rules", timeout=ANSWER_S).json()["data"]["groups"]
            health = {rule["health"] for group in rules for rule in group["rules"]}
            assert health <= {"ok", "unknown"}
