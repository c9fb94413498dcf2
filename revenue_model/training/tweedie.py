"""The Tweedie family: revenue is often nothing and else heavy-tailed."""

from __future__ import annotations

import numpy as np

from revenue_model.model.arrays import Array

POWER = 1.5  # of the variance, mean ** POWER
# One install whose events were lost can outweigh all others, and would choose the model:
# none counts more than the one at this quantile of the deviance.
MAX_DEVIANCE_QUANTILE = 0.999


def deviance(real: Array, expected: Array) -> Array:
    """The deviance of each install, at least 0."""
    saturated = real ** (2 - POWER) / ((1 - POWER) * (2 - POWER))
    of_real = real * expected ** (1 - POWER) / (1 - POWER)
    return np.asarray(2 * (saturated - of_real + expected ** (2 - POWER) / (2 - POWER)))
