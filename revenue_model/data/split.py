"""Split labelled installs into train, validation and test parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from revenue_model.model.schema import Schema

SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
BLOCK = 20  # the smallest number of installs that 70/15/15 divides


def split(table: pd.DataFrame, schema: Schema, seed: int) -> dict[str, pd.DataFrame]:
    """Split `table` 70/15/15 into "train", "validation" and "test", in the table's order.

    With times the parts follow each other, the newest installs are the test. Without, the
    installs are ordered by revenue and every 20 neighbours are dealt out at random, 14, 3
    and 3, so that the few large spenders are spread over the parts.
    """
    if schema.time and schema.time in table and table[schema.time].notna().all():
        order = np.argsort(table[schema.time].to_numpy(), kind="stable")
        place = np.empty(len(table))
        place[order] = (np.arange(len(table)) + 0.5) / len(table)
    else:
        place = dealt(table[schema.target.name].to_numpy(), np.random.default_rng(seed))
    edges = np.cumsum(list(SHARES.values()))[:-1]
    part = np.searchsorted(edges, place, side="right")
    return {name: table[part == index].reset_index(drop=True) for index, name in enumerate(SHARES)}


def dealt(revenue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A place in [0, 1) for each install, spread evenly within each block of neighbours."""
    ranked = np.lexsort((rng.random(len(revenue)), -revenue))
    blocks = -(-len(revenue) // BLOCK)
    places = (rng.permuted(np.tile(np.arange(BLOCK), (blocks, 1)), axis=1) + 0.5) / BLOCK
    place = np.empty(len(revenue))
    place[ranked] = places.ravel()[: len(revenue)]
    return place
