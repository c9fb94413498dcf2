"""Features of the trees: lookup rows and numbers in, a float32 matrix out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revenue_model.model.encoders import Array, Rows, Vocabulary
from revenue_model.model.schema import Schema
from revenue_model.model.tariff import Tariff

Matrix = NDArray[np.float32]

FEW = 30  # categories up to which a column is encoded by its ordinal, beyond by its frequency


@dataclass(frozen=True)
class Feature:
    """One column of the matrix and the columns of the table that it is made of."""

    name: str
    sources: tuple[str, ...]


def features_of(schema: Schema) -> list[Feature]:
    """The matrix's columns in their order."""
    of = [
        Feature(f"{name} {encoding}", (name,))
        for name in schema.categoricals
        for encoding in ("relativity", "payer rate", "frequency")
    ]
    of += [Feature(name, (name,)) for name in schema.events + schema.numerics]
    if len(schema.events) > 1:
        of += [Feature("total events", schema.events)]
        of += [Feature(f"{name} share", schema.events) for name in schema.events]
    of += [Feature("log exposure", schema.events)] if schema.events else []
    return [*of, Feature("log rate", schema.categoricals)]


def encodings(
    vocabularies: Sequence[Vocabulary], frequencies: Sequence[Array], tariff: Tariff
) -> list[Matrix]:
    """By column, a table with a row per category and a column per encoding.

    The relativity and the payer rate are cross-fitted target encodings; beside them a
    column of many categories has the log frequency, one of up to `FEW` the ordinal.
    """
    tables = []
    for vocabulary, frequency, relativity, payer_rate in zip(
        vocabularies, frequencies, tariff.relativities, tariff.payer_rates, strict=True
    ):
        ordinal = np.arange(len(vocabulary), dtype=np.float64)
        last = ordinal if len(vocabulary.categories) <= FEW else frequency
        table = np.column_stack([relativity, payer_rate, last])
        tables.append(table.astype(np.float32))
    return tables


def matrix(
    tables: Sequence[Matrix],
    rows: Sequence[Rows],
    events: Array,
    numerics: Array,
    log_exposure: Array,
    log_rate: Array,
) -> Matrix:
    """(installs, features) float32, missing numbers as NaN, in the order of `features_of`."""
    parts: list[NDArray[Any]] = [
        table.take(row, axis=0)  # a sixth of the time of table[row]
        for table, row in zip(tables, rows, strict=True)
    ]
    parts += [events, numerics]
    if events.shape[1] > 1:
        total = np.nansum(events, axis=1, keepdims=True)
        parts += [total, events / np.maximum(total, 1e-12)]
    if events.shape[1]:
        parts.append(log_exposure[:, None])
    parts.append(np.broadcast_to(log_rate, len(events))[:, None])  # one without categories
    return np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
