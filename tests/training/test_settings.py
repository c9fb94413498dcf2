"""Settings that make no sense are refused by name, with what may be given."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.examples import SMALL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed is -1; give one from 0 to"),
        ({"level": 1.0}, "level is 1.0; give one from 0.01 to 0.999"),
        ({"level": math.nan}, "level is nan"),
        ({"folds": 2}, "folds is 2; give one from 3 to 100"),
        ({"num_boost_round": 0}, "num_boost_round is 0; give one from 1"),
        ({"depth": 0}, "depth is 0; give one from 1 to 30"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"threads": -1}, "threads is -1"),
        ({"device": "gpu0"}, "device is 'gpu0'; give cpu, cuda or cuda:NUMBER"),
    ],
)
def test_settings_out_of_their_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)
