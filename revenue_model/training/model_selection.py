"""Which of several models to take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from revenue_model.model.arrays import Array


def one_standard_error_rule(losses: Sequence[Array]) -> int:
    """The place of the model to take, given each one's loss by install, the simplest first.

    It is the first that is not worse than the best by more than the standard error of the
    difference, or chance would choose.

    Source: Breiman et al. (1984), "Classification and Regression Trees", here on paired
    differences.
    """
    best = min(range(len(losses)), key=lambda index: losses[index].mean())
    for index, each in enumerate(losses[:best]):
        worse = each - losses[best]
        if worse.mean() <= worse.std() / np.sqrt(len(worse)):
            return index
    return best
