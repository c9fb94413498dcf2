"""What release 0.1.0 left behind is used by this one: a registered model, a journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from revenue_model.commands.score import score
from revenue_model.own_code import load_with_own_code
from revenue_model.prediction_log.journal import Header
from revenue_model.prediction_log.reader import parse
from revenue_model.registry.downloaded import downloaded
from tests.examples import INSTALL

JOURNAL = Path(__file__).parent / "released" / "journal-0.1.0.log"
ANSWER = {  # of release 0.1.0 to INSTALL
    "predicted_revenue": 0.22003185300473105,
    "revenue_low": 0.021685226479033624,
    "revenue_high": 0.3241193203690478,
}
NAME = "released"


@pytest.fixture
def registered(released_model: Path, tmp_path: Path) -> Iterator[str]:
    """The URI of the released model in a registry."""
    with _use_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db"):
        client = mlflow.MlflowClient()
        client.create_registered_model(NAME)
        client.create_model_version(NAME, str(released_model))
        yield f"models:/{NAME}/1"


def test_a_table_is_scored_by_the_code_of_the_release(registered: str, tmp_path: Path) -> None:
    data, out = tmp_path / "installs.csv", tmp_path / "scored.parquet"
    pd.DataFrame([INSTALL] * 3).to_csv(data, index=False)
    assert score(data, out, registered, {"interval": True}) == 3
    scored = pd.read_parquet(out)
    for name, value in ANSWER.items():
        assert scored[name].tolist() == pytest.approx([value] * 3)


def test_a_version_is_judged_by_its_own_schema_level_and_code(registered: str) -> None:
    with downloaded(registered) as model:
        assert model.schema.features == tuple(INSTALL)
        assert model.level == 0.9
        predicted = model.predict(pd.DataFrame([INSTALL]))
    assert predicted["revenue_high"].tolist() == pytest.approx([ANSWER["revenue_high"]])
    assert "payer_probability" in predicted


def test_the_code_of_the_release_stays_apart_and_logs_nothing(
    released_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVENUE_PREDICTION_LOG", str(tmp_path / "log"))
    before, path = dict(sys.modules), list(sys.path)
    model: Any = load_with_own_code(str(released_model))
    ours = {name: sys.modules[name] for name in sys.modules if name.startswith("revenue_model")}
    assert ours == {name: before[name] for name in ours}
    assert sys.path == path
    module = type(model.unwrap_python_model()).load_context.__globals__["Challenger"].__module__
    assert module == "revenue_model.model.challenger"  # which is of that release alone
    model.predict(pd.DataFrame([INSTALL]))
    assert not (tmp_path / "log").exists()


def test_a_journal_of_the_release_is_read() -> None:
    first, _, lines = JOURNAL.read_bytes().partition(b"\n")
    header = Header.parse(first)
    assert header.to_line() == first + b"\n"  # and the other way round
    assert header.provenance.model_version == "1"
    rows, inputs, _ = parse(lines, header)
    assert rows["status"].to_pylist() == ["answered", "answered", "failed"]
    assert rows["predicted_revenue"][0].as_py() == ANSWER["predicted_revenue"]
    assert inputs["country"].to_pylist() == ["us", None, "us"]
    assert json.loads(first)["segments"] == ["country", "source", "platform"]
