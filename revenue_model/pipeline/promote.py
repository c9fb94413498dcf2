"""Make the challenger the champion: the entry point `promote`."""

from __future__ import annotations

import argparse
import warnings

import mlflow
from mlflow.exceptions import MlflowException

from revenue_model.pipeline.command import CommandError, run_command
from revenue_model.pipeline.registry import CHALLENGER, CHAMPION


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="registered model")
    options = parser.parse_args()
    version = promote(options.name)
    print(f"{options.name} version {version} is the champion.")


def promote(name: str) -> str:
    """Give the version at `challenger` the alias `champion` and the stage Production.

    Returns the version. Raises `CommandError` when there is no challenger.
    """
    client = mlflow.MlflowClient()
    try:
        version = str(client.get_model_version_by_alias(name, CHALLENGER).version)
    except MlflowException:
        raise CommandError(
            f"model '{name}' has no challenger; train one by `mlflow run . -P data=PATH`."
        ) from None
    client.set_registered_model_alias(name, CHAMPION, version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # stages are kept for who still asks
        client.transition_model_version_stage(
            name, version, "Production", archive_existing_versions=True
        )
    client.delete_registered_model_alias(name, CHALLENGER)
    return version


if __name__ == "__main__":
    run_command(main)
