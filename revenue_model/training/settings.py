"""What a person may set of training; the only place where the defaults stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

MIN_FOLDS = 3  # with payers: cross-fitting leaves two out at once
_RANGES = {  # both ends are allowed
    "seed": (0, 2**31 - 1),
    "level": (0.01, 0.999),
    "folds": (MIN_FOLDS, 100),
    "num_boost_round": (1, 100_000),
    "depth": (1, 30),
    "learning_rate": (0.0001, 1.0),
    "threads": (0, 1024),
}


@dataclass(frozen=True)
class TrainingSettings:
    """Raises `ValueError` naming the setting that is out of its range."""

    seed: int = 7
    level: float = 0.9  # share of installs that an interval shall cover
    folds: int = 10  # of the cross-validation; half as many for a large table
    num_boost_round: int = 400  # most trees of the mean; `rounds` of the entry points
    depth: int = 3
    learning_rate: float = 0.05
    device: str = "cpu"  # or cuda
    threads: int = 0  # 0: all cores

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _RANGES.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:  # nor is NaN
                raise ValueError(f"{name} is {value}; give one from {lowest} to {highest}.")
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise ValueError(f"device is {self.device!r}; give cpu, cuda or cuda:NUMBER.")
