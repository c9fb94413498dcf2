"""A table of installs read by Spark: its categories are gathered where the files are.

The workers send each text as the number of its category, so that what arrives takes no more
memory than that of `read_compact`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from revenue_model.data.chunked import join_chunks
from revenue_model.errors import TableError
from revenue_model.model.schema import Schema
from revenue_model.spark.session import as_text, open_table, translate_errors

_CHUNK_ROWS = 65_536


def read_spark(session: Any, path: str | Path, schema: Schema) -> pd.DataFrame:
    """What `read_compact` reads, of a CSV or Parquet file or of a folder of such.

    Raises `TableError` naming file, column and first offending row, of a folder counted as
    Spark orders its files.
    """
    path = Path(path)
    table = open_table(session, path)
    table = table.select(*(f"`{c.name}`" for c in schema.columns if c.name in table.columns))
    texts = [name for name in schema.categoricals if name in table.columns]
    table = table.withColumns({name: as_text(table, name) for name in texts})
    types = {field.name: field.dataType.simpleString() for field in table.schema}
    types |= dict.fromkeys(texts, "int")
    encoded = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
    with translate_errors(path):
        categories = {
            name: table.select(f"`{name}`").distinct().toArrow()[name].combine_chunks()
            for name in texts
        }
        rows = table.mapInArrow(partial(_encode, categories), encoded).toArrow()
    if not len(rows):
        raise TableError(f"{path}: has a header but no rows.")
    chunks = (rows.slice(start, _CHUNK_ROWS) for start in range(0, len(rows), _CHUNK_ROWS))
    return join_chunks((_decoded(chunk, categories) for chunk in chunks), schema, path)


def _encode(
    categories: Mapping[str, pa.Array], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns = {name: batch[name] for name in batch.schema.names}
        for name, known in categories.items():
            columns[name] = pc.index_in(batch[name], known)
        yield pa.RecordBatch.from_pydict(columns)


def _decoded(chunk: pa.Table, categories: Mapping[str, pa.Array]) -> pa.Table:
    for name, known in categories.items():
        place = chunk.schema.get_field_index(name)
        chunk = chunk.set_column(place, name, known.take(chunk[name].combine_chunks()))
    return chunk
