"""How an entry point reads its parameters and how it ends.

Parameters are the fields of dataclasses, which hold their defaults. They come as
``--name value``, as MLflow passes them, or ``--name=value``; `-` and `_` mean the same, and an
empty value means the default. A mistake of the user is one line on stderr and exit code 2.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import mlflow
from mlflow.exceptions import MlflowException

from revenue_model.errors import CommandError, TableError
from revenue_model.model.schema import SchemaError

Main = Callable[[Sequence[str]], None]
T = TypeVar("T")

# Names of the first release, which keep working.
OLD_NAMES = {
    "rounds": "num_boost_round",
    "gain": "min_deviance_gain",
    "mae": "max_mae_increase",
    "gini": "max_gini_loss",
    "bias_distance": "max_bias_distance",
    "total_bias": "max_total_bias",
    "least": "min_installs",
    "bias": "max_bias",
    "labelled": "min_labelled",
    "age": "max_age_days",
}
_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


class Parameters:
    """What a person has set, by the names of the fields of `kinds`."""

    def __init__(self, arguments: Sequence[str], *kinds: type) -> None:
        """Raises `CommandError` for an unknown parameter and for a value of the wrong kind."""
        if "--help" in arguments:
            lines = [f"  {f.name}={f.default}" for kind in kinds for f in fields(kind)]
            print("Parameters and their defaults; see docs/parameters.md.", *lines, sep="\n")
            sys.exit()
        hints = {f.name: get_type_hints(kind)[f.name] for kind in kinds for f in fields(kind)}
        self._given: dict[str, Any] = {}
        self._typed: dict[str, str] = {}  # the name that the person used
        for typed, text in _pairs(arguments):
            name = typed if typed in hints else OLD_NAMES.get(typed, typed)
            if name not in hints:
                near = get_close_matches(typed, hints, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(hints)}."
                raise CommandError(f"unknown parameter {typed}; {hint}")
            if text:
                self._given[name] = _value(typed, text, hints[name])
                self._typed[name] = typed

    def given(self, kind: Any) -> dict[str, Any]:
        """The fields of the dataclass `kind` that were set."""
        names = {each.name for each in fields(kind)}
        return {name: value for name, value in self._given.items() if name in names}

    def make(self, kind: type[T]) -> T:
        """The dataclass `kind`, with its defaults for what was not set.

        Raises `CommandError` for a value that it refuses.
        """
        try:
            return kind(**self.given(kind))
        except ValueError as error:  # begins with the field's name
            name, _, rest = str(error).partition(" ")
            raise CommandError(f"{self._typed.get(name, name)} {rest}") from None


def _pairs(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Each parameter with its value."""
    pairs: list[tuple[str, str]] = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("--"):
            raise CommandError(f"expected --NAME VALUE, got {word!r}.")
        name, equals, text = word.removeprefix("--").partition("=")
        value = text if equals else next(words, None)
        if value is None:
            raise CommandError(f"expected a value after {word}.")
        pairs.append((name.replace("-", "_"), value))
    return pairs


def _value(name: str, text: str, kind: Any) -> Any:
    """`text` as a value of `kind`: str, int, float, bool or a choice of texts."""
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if choices and text not in choices:
        raise CommandError(f"{name} is {text!r}; give {' or '.join(choices)}.")
    if choices or kind is str:
        return text
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError):
        raise CommandError(f"{name} is {text!r}; give {_KINDS[kind]}.") from None


def log_parameters(*settings: Any) -> None:
    """Log the fields of dataclasses to the active run, but what `mlflow run` has logged."""
    run = mlflow.active_run()
    known = run.data.params if run else {}
    values = {name: value for each in settings for name, value in vars(each).items()}
    mlflow.log_params({name: value for name, value in values.items() if name not in known})


def run_command(main: Main, arguments: Sequence[str] | None = None) -> None:
    """Run `main` with `arguments`, those of this process if None."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        main(sys.argv[1:] if arguments is None else arguments)
    except (CommandError, SchemaError, TableError) as error:
        sys.exit(_refuse(str(error)))
    except MlflowException as error:
        sys.exit(_refuse(_reason(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _reason(error: MlflowException) -> str:
    if isinstance(error.__cause__, OSError) or "failed with exception" in error.message:
        return (
            f"MLflow at {mlflow.get_tracking_uri()} does not answer; start it, or set "
            "MLFLOW_TRACKING_URI to the one that runs."
        )
    return f"MLflow: {error.message.splitlines()[0]}"


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 2
