"""`scripts/serve`: the champion under load while the alias moves and versions fail."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import mlflow
import pandas as pd
import pytest
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from revenue_model.model.schema import Schema
from revenue_model.registry.publish import register, typical_install
from revenue_model.training.fit import fit
from tests.examples import INSTALL, SMALL
from tests.modes import repeats
from tests.sidecar.test_app import wait_for
from tests.sidecar.test_process import sidecar
from tests.system.servers import ANSWER_S, ROOT, Store, free_port, running
from tests.test_released import ANSWER

ROUNDS = repeats("REVENUE_PROMOTIONS", short=2, long=20)
CLIENTS = 4
NAME = "followed"
NO_NUMBER, BROKEN = "3", "4"  # versions that must not be served
RELEASED = "5"  # registered by release 0.1.0


FACTORS = {"1": 1.0, "2": 2.0, NO_NUMBER: math.nan, BROKEN: 4.0}


@pytest.fixture(scope="module")
def versions(
    store: Store, schema: Schema, installs: pd.DataFrame, released_model: Path
) -> dict[str, float]:
    """Versions that differ by a factor, the first the champion: their answers to `INSTALL`."""
    estimator = fit(installs.head(1500), schema, replace(SMALL, num_boost_round=5, depth=2))
    example = typical_install(installs, schema)
    with _use_tracking_uri(store.environment["MLFLOW_TRACKING_URI"]):
        mlflow.set_experiment("revenue")
        for number, factor in FACTORS.items():
            changed = replace(estimator, log_scale=estimator.log_scale + math.log(factor))
            with mlflow.start_run():
                version = register(changed, schema, example, NAME)
            assert str(version.version) == number
        broken = mlflow.artifacts.download_artifacts(f"models:/{NAME}/{BROKEN}")
        Path(broken, "artifacts/estimator/estimator.json").write_text("{")
        store.client().create_model_version(NAME, str(released_model))
    columns = {name: [value] for name, value in INSTALL.items()}
    [number] = estimator.predict(columns)["predicted_revenue"].tolist()
    answers = {version: number * factor for version, factor in FACTORS.items()}
    return answers | {RELEASED: ANSWER["predicted_revenue"]}


@pytest.fixture
def alias(store: Store, versions: dict[str, float]) -> Callable[..., None]:
    """Moves an alias of the model to a version; the champion begins at the first."""

    def move(version: str, alias: str = "champion") -> None:
        store.client().set_registered_model_alias(NAME, alias, version)

    move("1")
    store.client().delete_registered_model_alias(NAME, "challenger")
    return move


@contextmanager
def serve(
    store: Store, folder: Path, *arguments: str, port: int | None = None, **environment: str
) -> Iterator[httpx.Client]:
    """`scripts/serve` with its state, its log and the prediction log in `folder`."""
    url = f"http://127.0.0.1:{port or free_port()}"
    command = [str(ROOT / "scripts/serve"), "--name", NAME, "--look-every", "0.1"]
    command += ["--port", url.rsplit(":")[-1], "--state", str(folder / "state"), *arguments]
    given = {"REVENUE_PREDICTION_LOG": str(folder / "spool")} | environment
    with (
        running(command, f"{url}/ping", cwd=folder, environment=store.environment | given),
        httpx.Client(base_url=url, timeout=ANSWER_S) as client,
    ):
        yield client


class Load:
    """Clients that ask again after a pause over connections that they keep."""

    def __init__(self, url: str, pause_s: float = 0.005) -> None:
        self.answers: dict[str, float] = {}  # by the request's id
        self.failures: list[str] = []
        self._url, self._pause_s, self._stopping = url, pause_s, threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        asked = 0
        with httpx.Client(base_url=self._url, timeout=ANSWER_S) as client:
            while not self._stopping.is_set():
                asked += 1
                request_id = f"{number}-{asked}"
                body = {"dataframe_records": [INSTALL], "params": {"request_id": request_id}}
                try:
                    answer = client.post("/invocations", json=body).raise_for_status().json()
                    [row] = answer["predictions"]
                    self.answers[request_id] = row["predicted_revenue"]
                except (httpx.HTTPError, ValueError) as error:
                    self.failures.append(f"{request_id}: {error!r}")
                time.sleep(self._pause_s)


def lines(folder: Path) -> list[list[str]]:
    """The fields of every line of the prediction log."""
    segments = (folder / "spool").glob("*.log")
    texts = [segment.read_text(encoding="utf-8").splitlines()[1:] for segment in segments]
    return [line.split("\t") for text in texts for line in text]


def logged(folder: Path) -> dict[str, tuple[str, str]]:
    """The version and the prediction logged under each request's id, which has one row."""
    found = lines(folder)
    rows = {fields[1]: (fields[5], fields[10]) for fields in found}
    assert len(rows) == len(found)
    return rows


def serving(client: httpx.Client) -> dict[str, str]:
    """What a new connection is told of the version that answers."""
    told = httpx.get(f"{client.base_url}/serving", timeout=ANSWER_S).raise_for_status()
    return dict(told.json())


def wait_for_version(client: httpx.Client, version: str) -> None:
    """Wait until several new connections meet `version`."""

    def met() -> bool:
        return {serving(client)["number"] for _ in range(4)} == {version}

    wait_for(met)


def wait_for_pair(client: httpx.Client, champion: str, challenger: str) -> None:
    def met() -> bool:
        served = serving(client)
        return (served["number"], served["challenger"]) == (champion, challenger)

    wait_for(met)


def wait_for_problem(client: httpx.Client, *words: str) -> None:
    wait_for(lambda: all(word in serving(client)["problem"] for word in words))


def predict(client: httpx.Client, **more: object) -> float:
    answer = client.post("/invocations", json={"dataframe_records": [INSTALL | more]})
    return float(answer.raise_for_status().json()["predictions"][0]["predicted_revenue"])


def test_promotions_under_load_fail_no_request_and_log_the_version_that_answered(
    store: Store, versions: dict[str, float], alias: Callable[..., None], tmp_path: Path
) -> None:
    with serve(store, tmp_path, "--workers", "2") as client, Load(str(client.base_url)) as load:
        for number in range(ROUNDS):
            version = "21"[number % 2]
            alias(version)
            wait_for_version(client, version)
    assert load.failures == []
    rows = logged(tmp_path)
    assert rows.keys() == load.answers.keys()
    for request_id, answer in load.answers.items():
        version, prediction = rows[request_id]
        assert answer == float(prediction) == pytest.approx(versions[version])
    assert {version for version, _ in rows.values()} == {"1", "2"}


def test_what_cannot_be_served_leaves_the_champion_as_it_was(
    store: Store, versions: dict[str, float], alias: Callable[..., None], tmp_path: Path
) -> None:
    with serve(store, tmp_path, "--workers", "1") as client:
        alias(NO_NUMBER)
        wait_for_problem(client, f"models:/{NAME}/{NO_NUMBER} is not served", "with nan")
        alias(BROKEN)
        wait_for_problem(client, f"models:/{NAME}/{BROKEN} is not served: it does not load")
        store.client().delete_registered_model_alias(NAME, "champion")
        wait_for_problem(client, f"no version of '{NAME}' has the alias 'champion' in sqlite")
        assert serving(client)["number"] == "1"
        assert predict(client) == pytest.approx(versions["1"])
        alias("2")
        wait_for_version(client, "2")
        assert serving(client)["problem"] == ""
        assert predict(client) == pytest.approx(versions["2"])
        port = client.base_url.port
    away = "http://127.0.0.1:9"
    with serve(store, tmp_path, "--workers", "1", port=port, MLFLOW_TRACKING_URI=away) as client:
        wait_for_problem(client, f"the registry at {away} does not answer")
        assert predict(client) == pytest.approx(versions["2"])
    assert {version for version, _ in logged(tmp_path).values()} == {"1", "2"}


def test_a_challenger_in_shadow_is_logged_as_such_and_answers_nobody(
    store: Store, versions: dict[str, float], alias: Callable[..., None], tmp_path: Path
) -> None:
    alias("2", "challenger")
    with serve(store, tmp_path, "--workers", "1", "--challenger", "shadow") as client:
        assert serving(client) | {"problem": ""} == {
            "name": NAME,
            "number": "1",
            "model_id": serving(client)["model_id"],
            "challenger": "2",
            "challenger_share": 0.0,
            "challenger_problem": "",
            "problem": "",
        }
        body = {"dataframe_records": [INSTALL] * 3, "params": {"request_id": "r-1"}}
        answer = client.post("/invocations", json=body).raise_for_status().json()
        assert [row["predicted_revenue"] for row in answer["predictions"]] == pytest.approx(
            [versions["1"]] * 3
        )
        wait_for(lambda: len(lines(tmp_path)) == 6)
        with sidecar(
            tmp_path / "sidecar",
            "/stats",
            REVENUE_PREDICTION_LOG=str(tmp_path / "spool"),
            MODEL_SERVER_URL=str(client.base_url),
        ) as (stats, _):
            expected = {
                "version": "1",
                "challenger": "2",
                "challenger_share": 0.0,
                "problem": "",
            }
            wait_for(lambda: stats.get("/health").json()["serving"] == expected)
            wait_for(lambda: stats.get("/health").json()["rows"]["stored"] == 6)
            counted = stats.get("/stats?group_by=model_version").json()
        alias(BROKEN, "challenger")
        wait_for(lambda: "does not load" in serving(client)["challenger_problem"])
        assert predict(client) == pytest.approx(versions["1"])
    assert counted["total_predictions"] == 3
    assert {
        group["value"]: (group["predictions"], group["mean_predicted_revenue"])
        for group in counted["groups"]
    } == {
        "1": (3, pytest.approx(versions["1"])),
        "2 (shadow)": (3, pytest.approx(versions["2"])),
    }


def test_a_share_of_the_users_is_answered_by_the_challenger(
    store: Store, versions: dict[str, float], alias: Callable[..., None], tmp_path: Path
) -> None:
    alias("2", "challenger")
    users = [f"user-{number}" for number in range(300)]
    with serve(store, tmp_path, "--workers", "2", "--challenger", "0.3") as client:
        rows = [INSTALL | {"user_id": user} for user in users]
        body = {"dataframe_records": rows, "params": {"request_id": "all"}}
        answer = client.post("/invocations", json=body).raise_for_status().json()
        numbers = [row["predicted_revenue"] for row in answer["predictions"]]
        theirs = {u for u, n in zip(users, numbers, strict=True) if n > 1.5 * versions["1"]}
        expected = [versions["2" if user in theirs else "1"] for user in users]
        assert numbers == pytest.approx(expected)
        assert 60 <= len(theirs) <= 120
        for user in users[:20]:
            version = "2" if user in theirs else "1"
            assert predict(client, user_id=user) == pytest.approx(versions[version])
        assert predict(client) == pytest.approx(versions["1"])
        refused = client.post(
            "/invocations", json={"dataframe_records": [*rows, INSTALL | {"event_2": -1.0}]}
        )
        assert refused.status_code == 400
        assert "row 301" in refused.text
    of_all = [fields for fields in lines(tmp_path) if fields[1] == "all"]
    assert sorted(int(fields[2]) for fields in of_all) == list(range(1, 301))
    for fields in of_all:
        user, version, prediction = fields[3], fields[5], float(fields[10])
        assert users[int(fields[2]) - 1] == user
        assert version == ("2" if user in theirs else "1")
        assert prediction == numbers[int(fields[2]) - 1]


def test_a_champion_of_the_release_is_served_with_a_challenger_beside_it_and_the_other_way(
    store: Store, versions: dict[str, float], alias: Callable[..., None], tmp_path: Path
) -> None:
    alias(RELEASED)
    alias("2", "challenger")
    with serve(store, tmp_path, "--workers", "1", "--challenger", "0.1") as client:
        for champion, challenger in ((RELEASED, "2"), ("2", RELEASED)):
            alias(champion)
            alias(challenger, "challenger")
            wait_for_pair(client, champion, challenger)
            assert serving(client)["challenger_problem"] == ""
            for user, version in (("user-1", champion), ("user-8", challenger)):
                assert predict(client, user_id=user) == pytest.approx(versions[version])
    found = [(fields[3], fields[5]) for fields in lines(tmp_path)]  # no input example is in it
    assert sorted(found) == [
        ("user-1", "2"),
        ("user-1", RELEASED),
        ("user-8", "2"),
        ("user-8", RELEASED),
    ]
