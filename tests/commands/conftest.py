"""Entry points run in this process."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest

from revenue_model.commands.entry_point import run_command
from tests.in_process import Answer, answer_of

Command = Callable[..., Answer]


def arguments(**parameters: object) -> list[str]:
    """As MLflow passes them."""
    return [word for name, value in parameters.items() for word in (f"--{name}", str(value))]


def entry_point(name: str, /, **parameters: object) -> None:
    """Run an entry point in this process; it ends as `run_command` has it."""
    module = import_module(f"revenue_model.commands.{'train' if name == 'main' else name}")
    run_command(module.main, arguments(**parameters))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(name: str, /, **parameters: object) -> Answer:
        return answer_of(lambda: entry_point(name, **parameters), capsys)

    return run
