"""The registry after `mlflow run`: aliases, stages, and the project's environments."""

from __future__ import annotations

import mlflow

from tests.examples import INSTALL
from tests.system.servers import Store, mlflow_run


def test_alias_and_stage_load_the_promoted_version(store: Store) -> None:
    mlflow.set_tracking_uri(store.environment["MLFLOW_TRACKING_URI"])
    champion = store.client().get_model_version_by_alias("revenue", "champion")
    by_alias = mlflow.pyfunc.load_model("models:/revenue@champion")
    by_stage = mlflow.pyfunc.load_model("models:/revenue/Production")
    assert by_alias.metadata.model_id == by_stage.metadata.model_id
    assert str(champion.source).endswith(by_alias.metadata.model_id)
    [row] = by_stage.predict([INSTALL]).to_dict(orient="records")
    assert row["predicted_revenue"] > 0


def test_training_in_an_environment_of_its_own_registers_a_challenger(
    store: Store,
) -> None:
    data = store.folder / "installs.parquet"
    mlflow_run(store, "main", runner="uv", data=data, name="by_uv", folds=3, rounds=40)
    version = store.client().get_model_version_by_alias("by_uv", "challenger")
    assert str(version.version) == "1"
