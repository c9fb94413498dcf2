"""A table of installs read in chunks, in a fraction of the memory that pandas takes for it.

A text that comes again and again is stored once, as a category; ids lie end to end in
Arrow's memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

from revenue_model.data.chunked import Reader
from revenue_model.data.table import Locator, check_table, check_unique, to_frame
from revenue_model.model.schema import Schema

_ID = "string[pyarrow]"


def read_compact(path: str | Path, schema: Schema) -> pd.DataFrame:
    """What `read_table` reads of labelled installs, with other types: categories, ids of Arrow.

    Raises `TableError` naming file, column and first offending row.
    """
    return join_chunks(Reader(Path(path)), schema, Path(path))


def join_chunks(chunks: Iterable[pa.Table], schema: Schema, path: Path) -> pd.DataFrame:
    """`read_compact` of the table at `path`, which comes in chunks."""
    parts: list[pd.DataFrame] = []
    rows_before = 0
    for chunk in chunks:
        frame = to_frame(chunk, schema, path)
        part = check_table(frame, schema, labelled=True, path=path, rows_before=rows_before)
        parts.append(part.astype(_types(part, schema)))
        rows_before += len(chunk)
    names = list(parts[0])
    columns = {name: _join_column([part.pop(name) for part in parts]) for name in names}
    table = pd.DataFrame(columns, copy=False)
    if schema.id in table:
        check_unique(table[schema.id], Locator(str(path), path, str(schema.id)))
    return table


def _types(part: pd.DataFrame, schema: Schema) -> dict[str, str]:
    kinds = {"categorical": "category", "id": _ID}
    return {c.name: kinds[c.role] for c in schema.columns if c.role in kinds and c.name in part}


def _join_column(pieces: list[pd.Series]) -> pd.Series:
    if isinstance(pieces[0].dtype, pd.CategoricalDtype):
        return pd.Series(union_categoricals(pieces, sort_categories=True))
    return pd.concat(pieces, ignore_index=True)
