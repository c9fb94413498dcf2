"""The segments of each row: its category in every segment column, stored beside the row.

So the one rule for what a category is holds for SQL too, which never computes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from revenue_model.prediction_log.reader import segment_column


def with_segments(block: bytes, rows: pa.Table, segments: Sequence[str]) -> pa.Buffer:
    """The lines of `block`, each with its row's segments as one field more: a JSON object.

    `rows` are what was read of these lines.
    """
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")).astype(np.int32)
    offsets = np.append(np.int32(0), ends)  # so a line begins with the end of the one before
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    parts: list[pa.Array | bytes] = [
        pa.Array.from_buffers(pa.binary(), len(ends), buffers),
        b"\t{",
    ]
    for place, name in enumerate(segments):
        column = rows[segment_column(name)].combine_chunks()
        fields = [_field(name, category) for category in column.dictionary.to_pylist()]
        parts += [b"," if place else b"", pa.array(fields, pa.binary()).take(column.indices)]
    joined = pc.binary_join_element_wise(*parts, b"}", b"")
    _, offsets, data = joined.buffers()
    return data.slice(0, np.frombuffer(offsets, np.int32)[len(joined)])


def _field(name: str, category: str) -> bytes:
    """Of a JSON object, in COPY's text format, where a backslash stands twice."""
    text = f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(category, ensure_ascii=False)}"
    return text.replace("\\", r"\\").encode("utf-8", "replace")
