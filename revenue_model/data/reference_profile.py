"""The reference profile of a model: what its training installs were like, to find drift.

`profile.json` in the artifacts of the run that registered the model holds, for each feature
and for the predictions of the training installs, how many rows have each category or are in
each bin (`prediction_log.binning`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.binning import OTHER, count_numbers, merge_categories

_MAX_CATEGORIES = 20_000


def reference_profile(table: pd.DataFrame, schema: Schema, predicted: Array) -> dict[str, Any]:
    """The rows of `table`, and of each column the counts of its values.

    >>> from revenue_model.model.schema import Column
    >>> schema = Schema((Column("country", "categorical"), Column("revenue", "target")))
    >>> table = pd.DataFrame({"country": ["us", "US ", None]})
    >>> profile = reference_profile(table, schema, np.array([0.0, 1.0, 1.1]))
    >>> profile["columns"]["country"]["counts"]
    {'us': 2, '(missing)': 1}
    """
    columns = {}
    for column in schema.columns:
        if column.name in schema.features:
            values = table[column.name]
            if column.is_number:
                counts = count_numbers(values.to_numpy(np.float64))
            else:
                counts = _count_texts(values)
            columns[column.name] = {
                "is_number": column.is_number,
                "segment": column.segment,
                "counts": counts,
            }
    counts = count_numbers(predicted)
    columns["predicted_revenue"] = {"is_number": True, "segment": False, "counts": counts}
    return {"rows": len(table), "columns": columns}


def _count_texts(values: pd.Series) -> dict[str, int]:
    found = values.astype(object).value_counts(dropna=False)
    texts = [name if isinstance(name, str) else None for name in found.index]
    counts = merge_categories(texts, found.to_list())
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    rest = sum(rows for _, rows in ordered[_MAX_CATEGORIES:])
    return dict(ordered[:_MAX_CATEGORIES]) | ({OTHER: rest} if rest else {})
