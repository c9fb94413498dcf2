"""Features of the trees: inputs in, a float32 matrix out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revenue_model.model.arrays import Array, Matrix
from revenue_model.model.inputs import Inputs
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import Tariff


def features_of(schema: Schema) -> list[tuple[str, tuple[str, ...]]]:
    """By column of the matrix, its name and the columns of the table that it is made of."""
    of: list[tuple[str, tuple[str, ...]]] = [
        (f"{name} {encoding}", (name,))
        for name in schema.categoricals
        for encoding in ("relativity", "payer rate")
    ]
    of += [(name, (name,)) for name in schema.events + schema.numerics]
    if len(schema.events) > 1:
        of += [("total events", schema.events)]
        of += [(f"{name} share", schema.events) for name in schema.events]
    of += [("log exposure", schema.events)] if schema.events else []
    return [*of, ("log rate", schema.categoricals)]


def encodings(tariff: Tariff) -> list[Matrix]:
    """By column, a table with a row per category and a column per encoding.

    The relativity and the payer rate are target encodings, cross-fitted in training.
    """
    pairs = zip(tariff.relativities, tariff.payer_rates, strict=True)
    return [np.column_stack(pair).astype(np.float32) for pair in pairs]


def features(tariff: Tariff, tables: Sequence[Matrix], inputs: Inputs) -> tuple[Matrix, Array]:
    """The trees' features, and the log of the revenue that `tariff` expects of each install.

    The features are (installs, features) float32 in the order of `features_of`, a missing
    number as NaN. `tables` are the `encodings` of the tariff.
    """
    log_rate, log_exposure = tariff.log_rate(inputs.rows), tariff.log_exposure(inputs.events)
    parts: list[NDArray[Any]] = [
        table.take(row, axis=0)  # a sixth of the time of table[row]
        for table, row in zip(tables, inputs.rows, strict=True)
    ]
    events = inputs.events
    parts += [events, inputs.numerics]
    if events.shape[1] > 1:
        total = np.nansum(events, axis=1, keepdims=True)
        parts += [total, events / np.maximum(total, 1e-12)]
    if events.shape[1]:
        parts.append(log_exposure[:, None])
    parts.append(np.broadcast_to(log_rate, len(events))[:, None])  # one without categories
    x = np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
    return x, log_rate + log_exposure
