"""How an entry point ends: an error of the user's is one line and exit code 2."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from mlflow import get_tracking_uri
from mlflow.exceptions import MlflowException

from revenue_model.errors import CommandError, TableError
from revenue_model.model.schema import SchemaError


def run_command(main: Callable[[], None]) -> None:
    """Run `main`; what a person can mend ends with one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        main()
    except (CommandError, SchemaError, TableError) as error:
        sys.exit(_refuse(str(error)))
    except MlflowException as error:
        sys.exit(_refuse(_reason(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _reason(error: MlflowException) -> str:
    if isinstance(error.__cause__, OSError) or "failed with exception" in error.message:
        return (
            f"MLflow at {get_tracking_uri()} does not answer; start it, or set "
            "MLFLOW_TRACKING_URI to the one that runs."
        )
    return f"MLflow: {error.message.splitlines()[0]}"


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 2
