"""The knobs of training, as options of an entry point."""

from __future__ import annotations

import argparse
from dataclasses import fields

from revenue_model.errors import CommandError
from revenue_model.training.fit import TrainingSettings

_NAMES = {setting.name: str(setting.type) for setting in fields(TrainingSettings)}


def add_knobs(parser: argparse.ArgumentParser) -> None:
    for name, kind in _NAMES.items():
        of = {"int": int, "float": float}.get(kind, str)
        parser.add_argument(f"--{name.replace('_', '-')}", type=of, required=True)


def settings_of(options: argparse.Namespace) -> TrainingSettings:
    """Raises `CommandError` where an option makes no sense."""
    try:
        return TrainingSettings(**{name: getattr(options, name) for name in _NAMES})
    except ValueError as error:
        raise CommandError(str(error)) from None
