"""Categories as rows of a lookup table, one table per categorical column.

Everything that is learned about a category, such as its relativity or its payer rate, is a
number in its row. A value is stripped and compared without regard to case; one that
training has not seen falls back on its *stem*, the part before the first space or
punctuation ("samsung" of "Samsung Galaxy A12", "14" of "14.4"), which has a row beside that
of a category spelled alike; a value whose stem is empty or unknown has the last row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from revenue_model.model.arrays import Rows
from revenue_model.prediction_log.category import category_of

_PUNCTUATION = re.compile(r"[\s._/-]")
_SMALL = 200  # values below which a loop is quicker than factorising
_REMEMBERED = 50_000  # spellings of a column whose row is kept


def stem(category: str) -> str:
    """The part of a category before its first space or punctuation.

    >>> stem("samsung galaxy a12"), stem("14.4"), stem("es")
    ('samsung', '14', 'es')
    """
    return _PUNCTUATION.split(category, maxsplit=1)[0]


@dataclass(frozen=True)
class Vocabulary:
    """The categories of one column and the rows of its lookup table.

    The rows are the `categories`, then the `stems`, then one for the unknown. A missing
    value is the category `default`, or without one a category of its own.

    >>> device = Vocabulary.of("device", ["Galaxy A1", "galaxy a2", "Pixel"])
    >>> device.rows(["GALAXY A2 ", "galaxy a9", "nokia"]).tolist(), len(device)
    ([1, 3, 5], 6)
    """

    name: str
    categories: tuple[str, ...]
    stems: tuple[str, ...]
    default: str = ""
    _seen: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    @classmethod
    def of(cls, name: str, values: Sequence[Any], default: Any = None) -> Self:
        """Every category of the training column, in alphabetical order."""
        filled = category_of(default)
        seen = {category_of(value) or filled for value in pd.unique(np.asarray(values, object))}
        categories = tuple(sorted(seen))
        return cls(name, categories, tuple(sorted({stem(c) for c in categories})), filled)

    def __len__(self) -> int:
        return len(self.categories) + len(self.stems) + 1

    @cached_property
    def _of_category(self) -> dict[str, int]:
        return {category: row for row, category in enumerate(self.categories)}

    @cached_property
    def _of_stem(self) -> dict[str, int]:
        return {text: row for row, text in enumerate(self.stems, len(self.categories))}

    @cached_property
    def stem_rows(self) -> Rows:
        """The row of each category's stem, in the order of the categories."""
        return np.array([self._of_stem[stem(each)] for each in self.categories], np.int32)

    def row(self, value: Any) -> int:
        """The lookup row of one value; that of a text is remembered as it is spelled."""
        if not isinstance(value, str):
            return self._find(value)
        row = self._seen.get(value)
        if row is None:
            row = self._find(value)
            if len(self._seen) < _REMEMBERED:
                self._seen[value] = row
        return row

    def _find(self, value: Any) -> int:
        category = category_of(value) or self.default
        row = self._of_category.get(category)
        if row is None and (text := stem(category)):  # two that have none are not alike
            row = self._of_stem.get(text)
        return len(self) - 1 if row is None else row

    def rows(self, values: Sequence[Any]) -> Rows:
        """The lookup row of each value, in their order."""
        if len(values) < _SMALL:
            return np.fromiter(map(self.row, values), np.int32, len(values))
        codes, seen = pd.factorize(np.asarray(values, object))
        of_code = np.array([self.row(value) for value in [*seen, None]], np.int32)
        return np.asarray(of_code[codes])  # a missing value has the code -1
