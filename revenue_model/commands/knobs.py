"""The settings of training as options of an entry point."""

from __future__ import annotations

import argparse
from dataclasses import fields

from revenue_model.errors import CommandError
from revenue_model.training.settings import TrainingSettings

_ROUNDS = "rounds"  # what the entry points call `num_boost_round`


def add_knobs(parser: argparse.ArgumentParser) -> None:
    for setting in fields(TrainingSettings):
        kind = {"int": int, "float": float}.get(str(setting.type), str)
        option = _ROUNDS if setting.name == "num_boost_round" else setting.name
        parser.add_argument(f"--{option.replace('_', '-')}", type=kind, default=setting.default)


def settings_of(options: argparse.Namespace) -> TrainingSettings:
    """Raises `CommandError` where an option makes no sense."""
    given = vars(options) | {"num_boost_round": options.rounds}
    try:
        return TrainingSettings(**{s.name: given[s.name] for s in fields(TrainingSettings)})
    except ValueError as error:
        message = str(error).replace("num_boost_round", _ROUNDS)
        raise CommandError(message) from None
