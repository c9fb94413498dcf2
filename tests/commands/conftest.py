"""Entry points run in this process, with the defaults of MLproject."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml

from revenue_model.commands.command import run_command
from tests.in_process import Answer, answer_of

MLPROJECT = yaml.safe_load((Path(__file__).parents[2] / "MLproject").read_text())


Command = Callable[..., Answer]


def arguments(name: str, /, **changes: object) -> list[str]:
    """The options of an entry point: the defaults of MLproject, changed by `changes`."""
    parameters = MLPROJECT["entry_points"][name]["parameters"]
    values = {key: parameter["default"] for key, parameter in parameters.items()}
    return [
        word
        for key, value in (values | changes).items()
        for word in (f"--{key.replace('_', '-')}", str(value))
    ]


def entry_point(name: str, /, **changes: object) -> None:
    """Run an entry point in this process; it ends as `run_command` has it."""
    module = import_module(f"revenue_model.commands.{'train' if name == 'main' else name}")
    with patch.object(sys, "argv", [name, *arguments(name, **changes)]):
        run_command(module.main)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(name: str, /, **changes: object) -> Answer:
        return answer_of(lambda: entry_point(name, **changes), capsys)

    return run
