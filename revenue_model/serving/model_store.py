"""The versions that the registry's aliases name, downloaded and ready to be served."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models.flavor_backend_registry import get_flavor_backend
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from packaging.requirements import Requirement

from revenue_model.errors import first_line

_ABSENT = (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE")


class Unavailable(Exception):
    """The registry or its store does not give a version now; it may do so later."""


class Refused(Exception):
    """A version that cannot be served, however often it is tried."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: str
    model_id: str

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.number}"


class ModelStore:
    """The versions of a model in the registry at `tracking_uri`, downloaded to `folder`."""

    def __init__(self, tracking_uri: str, model_name: str, folder: Path) -> None:
        # By default MLflow asks a registry that is down again for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        mlflow.set_tracking_uri(tracking_uri)
        self._uri, self._name, self._folder = tracking_uri, model_name, folder
        self._client = mlflow.MlflowClient(tracking_uri)
        folder.mkdir(parents=True, exist_ok=True)

    def version_at(self, alias: str) -> Version | None:
        """The version that `alias` names, None when it names none. Raises `Unavailable`."""
        try:
            found = self._client.get_model_version_by_alias(self._name, alias)
        except Exception as error:  # MLflow lets its HTTP library's through
            if isinstance(error, MlflowException) and error.error_code in _ABSENT:
                return None
            raise Unavailable(
                f"the registry at {self._uri} does not answer: {first_line(error)}"
            ) from None
        return Version(self._name, str(found.version), found.model_id or str(found.source))

    def no_version_at(self, alias: str) -> str:
        return f"no version of '{self._name}' has the alias '{alias}' in {self._uri}"

    def download(self, version: Version) -> Path:
        """The folder of `version`, downloaded unless it was before. Raises `Unavailable`."""
        folder = self._folder / f"{version.number}-{Path(version.model_id).name}"
        if not folder.exists():
            fresh = folder.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            try:
                mlflow.artifacts.download_artifacts(str(version), dst_path=str(fresh))
            except Exception as error:  # each kind of store has its own
                raise Unavailable(
                    f"{version} cannot be fetched from {self._uri}: {first_line(error)}"
                ) from None
            [model] = [path.parent for path in fresh.rglob("MLmodel")]
            model.rename(folder)
            shutil.rmtree(fresh, ignore_errors=True)
        return folder

    def delete_all_but(self, folders: set[Path]) -> None:
        for path in self._folder.iterdir():
            if path.is_dir() and path not in folders:
                shutil.rmtree(path, ignore_errors=True)


def python_for(folder: Path) -> str:
    """The Python that runs the version in `folder`.

    It is this one where what the version was registered with is installed here, else one
    of an environment that MLflow makes by uv, as `mlflow models serve` does. Raises `Refused`
    when that fails.
    """
    lacking = missing_packages(folder)
    if not lacking:
        return sys.executable
    try:
        backend = get_flavor_backend(str(folder), env_manager="uv")
        activate = backend.prepare_env(str(folder), capture_output=True).get_activate_command()
        show = "python -c 'import sys; print(sys.executable)'"
        command = ["bash", "-c", " && ".join([*activate, show])]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except Exception as error:
        raise Refused(
            f"it needs {', '.join(lacking)}, and no environment of its own could be made: "
            f"{first_line(error)}"
        ) from None
    return shown.split()[-1]


def fit_together(champion: Path, challenger: Path) -> bool:
    """Whether what runs the version in one folder also runs that in the other."""
    same = requirements(champion) == requirements(challenger)
    return same or not (missing_packages(champion) or missing_packages(challenger))


def missing_packages(folder: Path) -> list[str]:
    """What the version in `folder` was registered with and is not installed here."""
    missing = []
    for line in filter(None, requirements(folder).splitlines()):
        wanted = Requirement(line)
        here = _installed_version(wanted.name)
        if here is None:
            missing.append(f"{line} (not here)")
        elif not wanted.specifier.contains(here, prereleases=True):
            missing.append(f"{line} (here {here})")
    return missing


def _installed_version(package: str) -> str | None:
    # mlflow-skinny has all of MLflow that serves.
    for name in ("mlflow", "mlflow-skinny") if package == "mlflow" else (package,):
        with suppress(PackageNotFoundError):
            return version(name)
    return None


def requirements(folder: Path) -> str:
    path = folder / "requirements.txt"
    return path.read_text(encoding="utf-8") if path.exists() else ""
