"""What `scripts/test --all` does that a run without it leaves out."""

from __future__ import annotations

import os
import shutil

import pytest

ALL = bool(os.environ.get("REVENUE_TEST_ALL"))  # set by `scripts/test --all`
MISSING = "missing here: "  # a skip for this reason is a failure of `--all`


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where one of `programs` is not installed."""
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=MISSING + ", ".join(missing))


def repeats(variable: str, *, short: int, long: int) -> int:
    """How often a test repeats itself: what the environment says, else `long` with `--all`."""
    return int(os.environ.get(variable) or (long if ALL else short))
