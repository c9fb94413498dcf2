"""The lines of a journal as a table, or the reason why they are none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pyarrow import json as arrow_json

from revenue_model.prediction_log.binning import category
from revenue_model.prediction_log.journal import FIELDS, Header

_COUNTED = {
    "predicted_at": pa.timestamp("us", "UTC"),
    "model_version": pa.string(),
    "predicted_revenue": pa.float64(),
    "inference_time_ms": pa.float64(),
    "status": pa.string(),
    "inputs": pa.string(),
}
_MAX_NUMBER = 1e100  # of a number that is summed: the sums stay finite
_MAX_BRACKETS = 1000  # of a line's inputs: Arrow dies of what is nested deeper


class Lines(NamedTuple):
    """What is counted of some lines, row by row."""

    rows: pa.Table  # times, outputs and the categories of each `segment_column`
    inputs: pa.Table  # every column that went in, of the type that its JSON has
    spellings: dict[str, str]  # the category of each segment value written otherwise


def segment_column(name: str) -> str:
    """Where the categories of a segment stand: a studio may call one as we call an output."""
    return f"segment {name}"


def joined(parts: list[Lines]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows and inputs of `parts`, in as few as the types of the inputs allow."""
    for _, alike in groupby(parts, key=lambda lines: lines.inputs.schema):
        rows, inputs, _ = zip(*alike, strict=True)
        yield pa.concat_tables(rows), pa.concat_tables(inputs)


def parse(block: bytes, header: Header) -> Lines:
    """What is counted of the lines in `block`.

    Raises `ValueError` when a line is not of the format or its inputs are not
    the columns that the header names. The rest is Postgres's to check.
    """
    if not block.endswith(b"\n"):
        raise ValueError("half a line")
    fields = block.count(b"\t") / block.count(b"\n") + 1
    if fields != len(FIELDS):
        raise ValueError(f"{fields:g} fields, expected {len(FIELDS)}")
    try:
        rows = _read_csv(block)
        for name in ("predicted_at", "inference_time_ms", "inputs"):
            if rows[name].null_count:
                raise ValueError(f"no {name}")
        if pc.min(pc.year(rows["predicted_at"])).as_py() < 1:
            raise ValueError("predicted_at is before our era")
        for name in ("predicted_revenue", "inference_time_ms"):
            if not np.all(np.abs(rows[name].drop_null().to_numpy()) < _MAX_NUMBER):
                raise ValueError(f"{name} is no finite number below {_MAX_NUMBER:g}")
        inputs = _read_inputs(rows["inputs"].combine_chunks())
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None
    for name in inputs.column_names:
        if name not in header.columns:
            raise ValueError(f"column {name!r} of another model: the header does not name it")
    rows = rows.drop_columns("inputs")
    spellings: dict[str, str] = {}
    for name in header.segments:
        known = name in inputs.column_names
        values = inputs[name].combine_chunks() if known else pa.nulls(len(rows))
        rows = rows.append_column(segment_column(name), _categories(values, spellings))
    return Lines(rows, inputs, spellings)


def _categories(values: pa.Array, spellings: dict[str, str]) -> pa.DictionaryArray:
    """The category of each value; what is written otherwise is added to `spellings`."""
    encoded = values.cast(pa.string()).dictionary_encode("encode")
    places: dict[str, int] = {}
    place = []
    for text in encoded.dictionary.to_pylist():
        name = category(text)
        place.append(places.setdefault(name, len(places)))
        if text is not None and text != name:
            spellings[text] = name
    codes = np.array(place, np.int32)[encoded.indices.to_numpy()]
    return pa.DictionaryArray.from_arrays(codes, pa.array(places, pa.string()))


def _read_csv(block: bytes) -> pa.Table:
    return csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(column_names=FIELDS, use_threads=False, block_size=len(block) + 1),
        csv.ParseOptions(
            delimiter="\t", quote_char=False, escape_char=False, ignore_empty_lines=False
        ),
        csv.ConvertOptions(
            column_types=_COUNTED,
            include_columns=list(_COUNTED),
            null_values=[r"\N"],
            strings_can_be_null=True,
        ),
    )


def _read_inputs(texts: pa.Array) -> pa.Table:
    """The JSON objects in a field of COPY's text format, where a backslash stands twice."""
    brackets = pc.add(pc.count_substring(texts, "["), pc.count_substring(texts, "{"))
    if pc.max(brackets).as_py() > _MAX_BRACKETS:
        raise ValueError(f"more than {_MAX_BRACKETS} brackets in the inputs")
    texts = pc.replace_substring(texts, r"\\", "\\")
    one = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    data = pc.binary_join(one, "\n")[0].as_buffer()
    options = arrow_json.ReadOptions(use_threads=False, block_size=data.size + 1)
    table = arrow_json.read_json(pa.BufferReader(data), options)
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise ValueError(f"column {field.name!r} holds more than one value")
    # A text that looks like a time is a text, or it would be called otherwise in a block
    # where all look so.
    times = [(f.name, pa.string()) for f in table.schema if pa.types.is_temporal(f.type)]
    if times:
        as_texts = arrow_json.ParseOptions(explicit_schema=pa.schema(times))
        table = arrow_json.read_json(pa.BufferReader(data), options, as_texts)
    return table
