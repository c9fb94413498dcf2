"""What is answered without MLflow's DataFrame, as MLflow would have answered and logged it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server

from tests import examples

JSON = "application/json"
INSTALL: dict[str, Any] = examples.INSTALL | {"event_2": 42, "event_3": 1.5}
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["us", "PE", "iOS", "None", ""]))
ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, -0.0, 7, 2**53 + 1, 10**400, float("nan"), float("inf"), "7", [], {}]
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """An install, with some values changed, missing or of no sense, and other columns."""
    record = dict(INSTALL)
    for name, value in INSTALL.items():
        good = TEXTS if isinstance(value, str) else st.floats(0, 1e12)
        record[name] = draw(st.one_of(st.just(value), good, st.none()))
    for name in draw(st.sets(st.sampled_from([*INSTALL, "user_id", "installed_at"]), max_size=2)):
        record[name] = draw(st.one_of(ODD, TEXTS))
    for name in draw(st.one_of(st.just([]), st.lists(st.sampled_from([*INSTALL]), max_size=1))):
        del record[name]
    return record | draw(st.sampled_from([{}, {"campaign": "x"}, {"user_id": "user-1"}]))


PARAMS: st.SearchStrategy[object] = st.sampled_from(
    [
        *({}, None, {"interval": True}, {"explain": True, "payer_probability": True}),
        *({"request_id": "ask-1"}, {"interval": 1}, {"interval": None}, {"other": 1}, [], "x"),
    ]
)
BODIES = st.builds(
    lambda rows, times, params: {"dataframe_records": rows * times} | params,
    st.lists(records(), min_size=1, max_size=2),
    st.sampled_from([1, 1, 1, 1, 1, 60]),
    st.one_of(st.just({}), PARAMS.map(lambda params: {"params": params})),
)


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def served(model: str, spool: Path) -> PyFuncModel:
    """The model as the scoring server of this process has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVENUE_PREDICTION_LOG", str(spool))
        loaded: PyFuncModel = mlflow.pyfunc.load_model(model)
        return loaded


def outcome(answer: Any, body: bytes, served: PyFuncModel) -> tuple[object, ...]:
    schema = served.metadata.get_input_schema()
    try:
        return tuple(answer(body, JSON, served, schema))
    except MlflowException as error:
        return (error.error_code, error.message)


def newly_logged(spool: Path, seen: list[int]) -> list[list[str]]:
    """What was logged since the last call, without ids, time and duration."""
    lines = [
        line.split("\t")
        for path in sorted(spool.glob("*.log"))
        for line in path.read_text(encoding="utf-8").split("\n")[1:-1]
    ]
    new, seen[:] = lines[sum(seen) :], [len(lines)]
    return [
        [field for i, field in enumerate(line) if i not in (0, 7, 8)]
        if line[1] == "ask-1"
        else [field for i, field in enumerate(line) if i not in (0, 1, 7, 8)]
        for line in new
    ]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_answer_and_log_are_those_of_mlflow(
    body: dict[str, Any], served: PyFuncModel, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
    seen: list[int] = []
    newly_logged(spool, seen)
    text = json.dumps(body).encode()
    ours = outcome(scoring_server.invocations, text, served)
    our_log = newly_logged(spool, seen)
    around: Any = scoring_server.invocations
    theirs = outcome(around.around, text, served)
    assert ours == theirs
    assert our_log == newly_logged(spool, seen)
    assert our_log or ours[1] != 200


def test_a_plain_request_needs_no_mlflow(served: PyFuncModel) -> None:
    answer_json = served.unwrap_python_model().answer_json
    bodies: list[dict[str, Any]] = [
        {"dataframe_records": [INSTALL]},
        {"dataframe_records": [INSTALL | {"country": None, "event_1": None, "user_id": "u"}]},
        {"dataframe_records": [INSTALL] * 200, "params": {"interval": True}},
    ]
    for body in bodies:
        rows = answer_json(json.dumps(body).encode())
        assert rows is not None and len(rows) == len(body["dataframe_records"])
        assert all(row["predicted_revenue"] >= 0 for row in rows)
    others: list[dict[str, Any]] = [
        {"instances": [INSTALL]},
        {"dataframe_records": [INSTALL], "instances": [INSTALL]},
        {"dataframe_records": []},
        {"dataframe_records": [INSTALL], "params": []},
        {"dataframe_records": [INSTALL | {"event_1": -1}]},
    ]
    for other in others:
        assert answer_json(json.dumps(other).encode()) is None
