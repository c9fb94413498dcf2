"""Which users are the challenger's, and that its failures are never the champion's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from revenue_model.own_code import load_with_own_code
from revenue_model.prediction_log.journal import FIELDS
from revenue_model.serving.experiment import begin, takes
from tests.examples import INSTALL
from tests.sidecar.test_app import wait_for

USERS = [f"user-{number}" for number in range(20_000)]
ROWS = pd.DataFrame([INSTALL | {"user_id": user} for user in ("user-8", "user-1", "u-\ud83d")])


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_of_users_is_as_asked_for_and_always_the_same(share: float) -> None:
    one, again, salted = (
        [user for user in USERS if takes(user, share, salt)] for salt in ("", "", "other")
    )
    assert one == again
    assert len(one) / len(USERS) == pytest.approx(share, abs=0.01)
    assert len(set(one) & set(salted)) / len(one) == pytest.approx(share, abs=0.03)


def test_a_larger_share_keeps_the_users_of_a_smaller_one() -> None:
    assert all(takes(user, 0.3, "") for user in USERS if takes(user, 0.1, ""))
    assert takes("user-8", 0.1, "")
    assert not takes("user-1", 0.1, "")


@pytest.mark.parametrize("user_id", [None, "", float("nan")])
def test_who_has_no_id_is_the_champions(user_id: object) -> None:
    assert not takes(user_id, 0.999999, "")


def load(folder: str) -> Any:
    loaded: Any = load_with_own_code(folder)
    return loaded.unwrap_python_model()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def champion(
    model: str, released_model: Path, log: Path, tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    """Makes a champion that logs, with the model of the release as version 2 beside it."""
    challenger = tmp_path / "challenger"
    shutil.copytree(released_model, challenger)
    (challenger / "registered_model_meta").write_text("model_name: revenue\nmodel_version: 2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVENUE_PREDICTION_LOG", str(log))
        patch.setenv("REVENUE_CHALLENGER", str(challenger))

        def make(share: float, load: Callable[[str], Any] = load) -> Any:
            patch.setenv("REVENUE_CHALLENGER_SHARE", str(share))
            loaded = mlflow.pyfunc.load_model(model)
            problem = begin(loaded.unwrap_python_model(), load)
            return SimpleNamespace(
                problem=problem,
                finish_requests_by=loaded.unwrap_python_model().finish_requests_by,
                predict=lambda: loaded.predict(ROWS)["predicted_revenue"].tolist(),
            )

        yield make


@pytest.fixture
def expected(model: str, released_model: Path) -> list[list[float]]:
    """What champion and challenger predict for `ROWS`, each alone."""
    loaded: list[Any] = [load_with_own_code(str(each)) for each in (model, released_model)]
    return [each.predict(ROWS)["predicted_revenue"].tolist() for each in loaded]


def logged(log: Path) -> list[dict[str, str]]:
    texts = [path.read_bytes().decode().split("\n")[1:-1] for path in log.glob("*.log")]
    rows = [dict(zip(FIELDS, line.split("\t"), strict=True)) for text in texts for line in text]
    return sorted(rows, key=lambda row: (row["row_number"], row["model_version"]))


def test_each_row_has_the_version_that_answers_its_user_and_its_number_in_the_request(
    champion: Callable[..., Any], log: Path, expected: list[list[float]]
) -> None:
    served = champion(0.1)  # of the three, only user-8 is in that share
    ours, theirs = expected
    assert served.problem == ""
    assert served.predict() == [theirs[0], *ours[1:]]
    rows = logged(log)
    assert [row["row_number"] for row in rows] == ["1", "2", "3"]
    assert [row["model_version"] for row in rows] == ["2", "1", "1"]
    assert [row["predicted_revenue"] for row in rows] == [
        str(number) for number in served.predict()
    ]
    assert len({row["request_id"] for row in rows}) == 1
    assert {row["status"] for row in rows} == {"answered"}


def test_a_text_cut_in_the_middle_of_an_emoji_is_a_user_as_any_other(
    champion: Callable[..., Any], log: Path, expected: list[list[float]]
) -> None:
    assert champion(0.999999).predict() == expected[1]
    assert [row["user_id"] for row in logged(log)] == ["user-8", "user-1", "u-?"]


def test_a_shadow_is_logged_as_such_and_answers_nobody(
    champion: Callable[..., Any], log: Path, expected: list[list[float]]
) -> None:
    assert champion(0).predict() == expected[0]
    wait_for(lambda: len(logged(log)) == 6)
    rows = logged(log)
    assert [row["status"] for row in rows] == ["answered", "shadow"] * 3
    assert [row["model_version"] for row in rows] == ["1", "2"] * 3
    shadow = [float(row["predicted_revenue"]) for row in rows[1::2]]
    assert shadow == expected[1]


def _raise(*_: object, **__: object) -> Any:
    raise ValueError("no mood")


@pytest.mark.parametrize(
    "answer",
    [
        _raise,
        lambda *_, **__: {},
        lambda *_, **__: {"predicted_revenue": np.array([np.nan])},
        lambda *_, **__: {"predicted_revenue": np.array([-1.0])},
        lambda *_, **__: {"predicted_revenue": np.zeros(99)},
        lambda *_, **__: None,
    ],
)
@pytest.mark.parametrize("share", [0, 0.1])
def test_a_challenger_that_fails_leaves_the_answer_to_the_champion(
    champion: Callable[..., Any],
    log: Path,
    expected: list[list[float]],
    share: float,
    answer: Callable[..., Any],
) -> None:
    def load_failing(folder: str) -> Any:
        schema = load(folder).schema
        return SimpleNamespace(schema=schema, estimator=SimpleNamespace(predict=answer))

    assert champion(share, load_failing).predict() == expected[0]
    wait_for(lambda: len(logged(log)) == (3 if share else 6))
    rows = logged(log)
    assert {row["predicted_revenue"] for row in rows if row["model_version"] == "2"} <= {r"\N"}


def test_an_experiment_that_fails_itself_leaves_the_answer_to_the_champion(
    champion: Callable[..., Any], log: Path, expected: list[list[float]]
) -> None:
    served = champion(0.1)
    served.finish_requests_by(_raise)
    assert served.predict() == expected[0]
    assert {row["model_version"] for row in logged(log)} == {"1"}


def test_a_challenger_that_does_not_load_changes_no_answer(
    champion: Callable[..., Any], log: Path, expected: list[list[float]]
) -> None:
    served = champion(0.9, _raise)
    assert served.problem == "does not load: no mood"
    assert served.predict() == expected[0]
    assert {row["model_version"] for row in logged(log)} == {"1"}
