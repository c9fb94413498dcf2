"""What an install is to the model: a lookup row per categorical column, and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.schema import Schema
from revenue_model.model.vocabulary import Vocabulary

_LARGEST = 1e30  # a larger number counts as this: the trees' float32 ends at 3e38, as do sums


@dataclass(frozen=True)
class Inputs:
    """Installs; `events` and `numerics` have a row per install and a column per name."""

    rows: list[Rows]  # by categorical column
    events: Array
    numerics: Array

    def __len__(self) -> int:
        return len(self.events)

    def subset(self, chosen: Any) -> Inputs:
        """The installs at a mask, an index or a slice."""
        rows = [row[chosen] for row in self.rows]
        return Inputs(rows, self.events[chosen], self.numerics[chosen])


def read_inputs(
    columns: Mapping[str, Sequence[Any]], schema: Schema, vocabularies: Sequence[Vocabulary]
) -> Inputs:
    """Look up the categories and gather the numbers, missing as NaN or their default."""
    rows = [vocabulary.rows(columns[vocabulary.name]) for vocabulary in vocabularies]
    installs = len(columns[schema.features[0]])
    defaults = {column.name: column.default for column in schema.columns}

    def numbers(names: Sequence[str]) -> Array:
        table = np.empty((installs, len(names)))
        for index, name in enumerate(names):
            table[:, index] = columns[name]
            if (default := defaults[name]) is not None:
                table[np.isnan(table[:, index]), index] = default
        return np.clip(table, -_LARGEST, _LARGEST, out=table)

    return Inputs(rows, numbers(schema.events), numbers(schema.numerics))
