"""What the model registry says of the champion."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
from pydantic import BaseModel, Field

_FRESH_S = 10.0
_LOOK_TIMEOUT_S = 2.0
_ALIAS = "champion"
_PROFILE_FILE = "profile.json"  # as training logs it
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # MLflow's error codes


class NoChampion(Exception):
    """No version of the model has the alias champion."""


class NoProfile(Exception):
    """The version is not in the registry, or was registered without a profile."""


class RegistryUnavailable(Exception):
    """The registry does not answer."""


class ModelInfo(BaseModel):
    """The version that predicts now."""

    name: str
    version: str
    aliases: list[str]
    stage: str = Field(description="deprecated by MLflow, kept for those who still ask")
    model_id: str | None
    features: list[str]
    signature: dict[str, Any]
    metrics: dict[str, float] = Field(description="of the training run")
    data_digest: dict[str, str] = Field(description="of each part of the training table")
    trained_at: datetime
    run_id: str | None


class Registry:
    """Asks MLflow at `tracking_uri`, and again only after some seconds."""

    def __init__(self, tracking_uri: str, model_name: str) -> None:
        self._tracking_uri, self._model_name = tracking_uri, model_name
        self._lock = threading.Lock()
        # By what was asked for, with the moment until which it holds; of a failure the error.
        self._answers: dict[str, tuple[float, Any]] = {}

    def champion(self) -> ModelInfo:
        """Raises `NoChampion` or `RegistryUnavailable`."""
        found: ModelInfo = self._remembered("the champion", self._ask_champion, _FRESH_S)
        return found

    def has_champion(self) -> bool | None:
        """None when the registry does not answer. Over HTTP without loading MLflow."""
        if self._tracking_uri.startswith("http"):
            with suppress(httpx.HTTPError):
                status = httpx.get(
                    f"{self._tracking_uri.rstrip('/')}/api/2.0/mlflow/registered-models/alias",
                    params={"name": self._model_name, "alias": _ALIAS},
                    timeout=_LOOK_TIMEOUT_S,
                ).status_code
                return {200: True, 400: False, 404: False}.get(status)
            return None
        try:
            self.champion()
        except NoChampion:
            return False
        except RegistryUnavailable:
            return None
        return True

    def profile(self, version: str) -> dict[str, Any]:
        """What the training installs of a version were like; kept, as it never changes.

        Raises `NoProfile` or `RegistryUnavailable`.
        """
        about, ask = f"the profile of {version}", partial(self._ask_profile, version)
        found: dict[str, Any] = self._remembered(about, ask, math.inf)
        return found

    def _remembered(self, about: str, ask: Callable[[], Any], fresh_s: float) -> Any:
        """A failure for some seconds: to ask again may take long, and others wait."""
        with self._lock:
            until, found = self._answers.get(about, (-math.inf, None))
            if time.monotonic() > until:
                try:
                    found = ask()
                except (NoProfile, RegistryUnavailable) as error:
                    found, fresh_s = error, _FRESH_S
                self._answers[about] = time.monotonic() + fresh_s, found
            if isinstance(found, Exception):
                raise found
            return found

    def _ask_profile(self, version: str) -> dict[str, Any]:
        absent = NoProfile(
            f"{self._model_name} version {version} has no {_PROFILE_FILE} in its run."
        )
        with _mlflow(self._tracking_uri, absent) as mlflow:
            client = mlflow.MlflowClient()
            run_id = client.get_model_version(self._model_name, version).run_id
            if _PROFILE_FILE in {file.path for file in client.list_artifacts(run_id)}:
                return dict(mlflow.artifacts.load_dict(f"runs:/{run_id}/{_PROFILE_FILE}"))
        raise absent

    def _ask_champion(self) -> ModelInfo:
        absent = NoChampion(f"No version of {self._model_name} has the alias {_ALIAS}.")
        with _mlflow(self._tracking_uri, absent) as mlflow:
            client = mlflow.MlflowClient()
            version = client.get_model_version_by_alias(self._model_name, _ALIAS)
            model = mlflow.models.get_model_info(f"models:/{self._model_name}/{version.version}")
            run = client.get_run(version.run_id) if version.run_id else None
        signature = model.signature.to_dict() if model.signature else {}
        data = run.inputs.dataset_inputs if run and run.inputs else []
        return ModelInfo(
            name=version.name,
            version=str(version.version),
            aliases=list(version.aliases),
            stage=version.current_stage or "None",
            model_id=model.model_id,  # as logged; a version in a database names none
            features=model.signature.inputs.required_input_names() if model.signature else [],
            signature=signature,
            metrics=dict(run.data.metrics) if run else {},
            data_digest={
                tag.value: part.dataset.digest
                for part in data
                for tag in part.tags
                if tag.key == "mlflow.data.context"
            },
            trained_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            run_id=version.run_id or None,
        )


@contextmanager
def _mlflow(tracking_uri: str, absent: Exception) -> Iterator[Any]:
    """MLflow, loaded when it is needed: it is most of a sidecar's memory.

    Raises `absent` when it has not what is asked for, or `RegistryUnavailable`.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        mlflow.set_tracking_uri(tracking_uri)
        yield mlflow
    except MlflowException as error:
        if error.error_code in _ABSENT:
            raise absent from None
        raise RegistryUnavailable("The model registry does not answer.") from None
