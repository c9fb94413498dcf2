"""Commands run in the process of the tests, where a process of their own is not the point."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from unittest.mock import patch

import pytest


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def answer_of(main: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> Answer:
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    return Answer(code if isinstance(code, int) else 0, captured.out, captured.err)


def start(module: str, *arguments: str, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Start a service that ends before it serves; the tests keep their handlers of logs."""
    service = import_module(module)
    configures = "REVENUE_LOG_FORMAT" in os.environ
    configure = service.configure if configures else lambda: None
    with (
        patch.object(sys, "argv", [module, *arguments]),
        patch.object(service, "configure", configure),
    ):
        return answer_of(service.main, capsys)
