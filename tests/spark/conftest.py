"""Spark on two cores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from revenue_model.errors import CommandError
from revenue_model.spark import session as spark
from tests.commands.conftest import command
from tests.modes import MISSING

__all__ = ["command"]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    pytest.importorskip("pyspark", reason=f"{MISSING}PySpark, by scripts/setup --extra spark")
    try:
        with spark.session("local[2]") as started:
            yield started
    except CommandError as error:
        pytest.skip(MISSING + str(error))
