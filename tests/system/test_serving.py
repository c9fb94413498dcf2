"""The champion behind `mlflow models serve`: what it answers, and what it refuses."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import httpx
import mlflow
import pandas as pd
import pytest

from tests.examples import INSTALL
from tests.system.servers import Store

JSON = "application/json"


def predict(server: httpx.Client, install: dict[str, object]) -> float:
    answer = server.post("/invocations", json={"dataframe_records": [install]})
    assert answer.status_code == 200, answer.text
    return float(answer.json()["predictions"][0]["predicted_revenue"])


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def test_the_same_install_gives_the_same_number_in_every_format(
    server: httpx.Client, store: Store, tmp_path: Path
) -> None:
    table = pd.DataFrame([INSTALL, INSTALL | {"country": "pe", "event_2": 7.0, "source": None}])
    records = json.loads(table.to_json(orient="records"))
    bodies = {
        "dataframe_records": {"dataframe_records": records},
        "dataframe_split": {"dataframe_split": json.loads(table.to_json(orient="split"))},
        "instances": {"instances": records},
        "inputs rows": {"inputs": records},
        "inputs columns": {"inputs": {name: list(table[name]) for name in table}},
    }
    answers = {name: server.post("/invocations", json=body) for name, body in bodies.items()}
    answers["csv"] = server.post(
        "/invocations", content=table.to_csv(index=False), headers={"Content-Type": "text/csv"}
    )
    answers["parquet"] = server.post(
        "/invocations",
        content=parquet(table),
        headers={"Content-Type": "application/vnd.apache.parquet"},
    )
    model = mlflow.pyfunc.load_model(champion_uri(store))
    expected = model.predict(table)["predicted_revenue"].tolist()
    assert expected[1] > 1000 * expected[0] > 0
    for name, answer in answers.items():
        assert answer.status_code == 200, (name, answer.text)
        got = [row["predicted_revenue"] for row in answer.json()["predictions"]]
        assert got == expected, name

    source, out = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(json.dumps(bodies["dataframe_records"]), encoding="utf-8")
    command = ["mlflow", "models", "predict", "-m", "models:/revenue@champion"]
    store.command(*command, "--env-manager", "local", "-i", str(source), "-o", str(out))
    got = [row["predicted_revenue"] for row in json.loads(out.read_text())["predictions"]]
    assert got == expected


def champion_uri(store: Store) -> str:
    mlflow.set_tracking_uri(store.environment["MLFLOW_TRACKING_URI"])
    return "models:/revenue@champion"


@pytest.mark.parametrize(
    "change",
    [
        {"country": "atlantis", "device_family": "Toaster"},
        dict.fromkeys(INSTALL),
        {"country": "", "platform": ""},
        {"country": "na"},
        {"event_1": 0, "event_2": 0, "event_3": 0},
        {"event_2": 1e12},
        {"event_1": 1e12, "event_2": 1e12, "event_3": 1e12, "country": "pe"},
    ],
)
def test_any_install_gets_a_finite_number(server: httpx.Client, change: dict[str, object]) -> None:
    revenue = predict(server, INSTALL | change)
    assert math.isfinite(revenue) and revenue >= 0


def test_upper_and_lower_case_are_the_same(server: httpx.Client) -> None:
    upper = {key: v.upper() if isinstance(v, str) else v for key, v in INSTALL.items()}
    assert predict(server, upper) == predict(server, INSTALL)


def test_params_ask_for_more(server: httpx.Client) -> None:
    body = {
        "dataframe_records": [INSTALL],
        "params": {"interval": True, "payer_probability": True, "explain": True},
    }
    [row] = server.post("/invocations", json=body).json()["predictions"]
    assert 0 <= row["revenue_low"] <= row["revenue_high"]
    assert 0 <= row["payer_probability"] <= 1


BAD_REQUESTS = {
    "a column is missing": (
        {"dataframe_records": [{k: v for k, v in INSTALL.items() if k != "source"}]},
        "Model is missing inputs ['source']",
    ),
    "text in a number": (
        {"dataframe_records": [INSTALL | {"event_2": "many"}]},
        "Failed to convert column event_2 to type 'float64'",
    ),
    "a number in a text": (
        {"dataframe_records": [INSTALL | {"country": 3}]},
        "Column 'country', row 1: expected text, got 3.",
    ),
    "a negative count": (
        {"dataframe_records": [INSTALL, INSTALL | {"event_2": -3}]},
        "Column 'event_2', row 2: expected a finite number of 0 or more, got -3.0.",
    ),
    "rows of the wrong length": (
        {"dataframe_split": {"columns": list(INSTALL), "data": [[1, 2]]}},
        "9 columns passed, passed data had 2 columns",
    ),
    "no rows": ({"dataframe_records": []}, "Model is missing inputs ['country'"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_refused_by_the_name_of_the_field(server: httpx.Client, name: str) -> None:
    body, expected = BAD_REQUESTS[name]
    answer = server.post("/invocations", json=body)
    assert answer.status_code == 400
    assert expected in answer.json()["message"]
    assert "stack_trace" not in answer.json() and "/site-packages" not in answer.text


def test_what_is_no_json_is_refused(server: httpx.Client) -> None:
    answer = server.post("/invocations", content="hello", headers={"Content-Type": JSON})
    assert answer.status_code == 400
    assert "valid JSON" in answer.json()["message"]
