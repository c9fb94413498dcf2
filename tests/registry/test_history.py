"""Which version is champion: after a promotion, a roll-back, a crash between two steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import mlflow
import pytest

from revenue_model.errors import CommandError
from revenue_model.registry.aliases import CHALLENGER, CHAMPION
from revenue_model.registry.history import ChampionHistory, champion_at, moment_of


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> mlflow.MlflowClient:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db")
    return mlflow.MlflowClient()


@pytest.fixture
def history(client: mlflow.MlflowClient, request: pytest.FixtureRequest) -> ChampionHistory:
    """Of a model of its own with three versions, the last of them the challenger."""
    name = request.node.name
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, "nowhere")
    client.set_registered_model_alias(name, CHALLENGER, "3")
    return ChampionHistory(name)


def stages(client: mlflow.MlflowClient, name: str) -> dict[str, str]:
    found = client.search_model_versions(f"name = '{name}'")
    return {str(version.version): str(version.current_stage) for version in found}


def test_a_promotion_moves_alias_and_stages_and_says_why(
    history: ChampionHistory, client: mlflow.MlflowClient
) -> None:
    history.set_champion("1", "promoted", "the first champion")
    history.set_champion("3", "promoted", "better", {"mae_worse_by": -0.1})
    assert history.champion == "3"
    assert history.challenger is None
    assert stages(client, history.name) == {"1": "Archived", "2": "None", "3": "Production"}
    tags = client.get_model_version(history.name, "3").tags
    assert tags["champion_because"] == "promoted: better"
    assert tags["gate"] == '{"mae_worse_by": -0.1}'
    assert moment_of(tags["champion_since"]) <= datetime.now(UTC)
    assert "@" in tags["champion_by"]


def test_a_user_without_a_name_is_told_by_number(
    history: ChampionHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    change = history.set_champion("1", "promoted", "the first champion")
    assert change.by.startswith("4000000@")


def test_the_history_knows_the_champion_of_any_moment(history: ChampionHistory) -> None:
    first = history.set_champion("1", "promoted", "the first champion")
    second = history.set_champion("3", "promoted", "better")
    changes = history.repair()
    assert [(change.version, change.done) for change in changes] == [("1", True), ("3", True)]
    before, after = moment_of(first.at), moment_of(second.at)
    assert champion_at(changes, before - timedelta(microseconds=1)) is None
    for moment, version in [
        (before, "1"),
        (after - timedelta(microseconds=1), "1"),
        (after, "3"),
    ]:
        found = champion_at(changes, moment)
        assert found and found.version == version


def test_a_moment_without_a_zone_is_utc() -> None:
    assert moment_of("2026-11-24T10:00") == moment_of("2026-11-24T12:00+02:00")
    with pytest.raises(CommandError, match="give a moment as 2026-01-31T12:00:00Z"):
        moment_of("yesterday")


def test_roll_backs_go_back_promotion_by_promotion(history: ChampionHistory) -> None:
    for version in ("1", "2", "3"):
        history.set_champion(version, "promoted", "better")
    for expected in ("2", "1"):
        assert history.previous_champion() == expected
        history.set_champion(expected, "rolled back", "bad")
    assert history.previous_champion() is None
    history.set_champion("3", "promoted", "mended")
    assert history.previous_champion() == "1"


def test_a_deleted_version_is_not_gone_back_to(
    history: ChampionHistory, client: mlflow.MlflowClient
) -> None:
    for version in ("1", "2", "3"):
        history.set_champion(version, "promoted", "better")
    client.delete_model_version(history.name, "2")
    assert history.previous_champion() == "1"
    client.delete_model_version(history.name, "3")
    assert history.champion is None
    assert history.previous_champion() == "1"
    assert [change.version for change in history.changes()] == ["1", "2", "3"]


class Crash(BaseException):
    """The process dies."""


STEPS = (
    "set_registered_model_tag",
    "set_registered_model_alias",
    "transition_model_version_stage",
    "delete_registered_model_alias",
    "set_model_version_tag",
)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_is_mended_by_the_next_command(
    history: ChampionHistory,
    client: mlflow.MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    when: str,
) -> None:
    history.set_champion("1", "promoted", "the first champion")
    real: Callable[..., object] = getattr(mlflow.MlflowClient, step)

    def crashing(*args: object, **kwargs: object) -> None:
        if when == "after":
            real(*args, **kwargs)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, step, crashing)
        with pytest.raises(Crash):
            history.set_champion("3", "promoted", "better")

    changes = history.repair()
    champion = history.champion
    moved = STEPS.index(step) + (when == "after") >= 2
    assert champion == ("3" if moved else "1")
    assert changes[-1].version == champion and all(change.done for change in changes)
    assert [v for v, stage in stages(client, history.name).items() if stage == "Production"] == [
        champion
    ]
    assert history.challenger == (None if moved else "3")
    assert history.repair() == changes


def test_an_alias_moved_by_hand_is_found(
    history: ChampionHistory, client: mlflow.MlflowClient
) -> None:
    history.set_champion("1", "promoted", "the first champion")
    client.set_registered_model_alias(history.name, CHAMPION, "2")
    found = history.repair()[-1]
    assert (found.version, found.action, found.by) == ("2", "found", "unknown")
    assert history.previous_champion() == "1"
