r"""The lines of the prediction log: a request's rows in the text format of Postgres's COPY.

In this format fields are separated by tabs, ``\N`` is null, and a backslash escapes a
backslash, a tab and the ends of lines.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
_MIN_VALUES_BY_TYPE = 5  # from which a look at their types is quicker than at each
_MIN_ARROW_ROWS = 1000  # rows from which Arrow writes lines quicker than Python
_SAMPLE = 256  # rows; where few differ in them, each value is written once and looked up


@dataclass(frozen=True)
class SharedFields:
    """What all rows of one request share, as text of COPY."""

    id_start: str  # a prediction id without its last 8 digits, the row's number
    before_user: str
    after_user: str
    error: str

    @classmethod
    def now(
        cls,
        model: Sequence[str],
        request_id: str,
        inference_time_s: float,
        error: str | None,
        *,
        shadow: bool = False,
    ) -> Self:
        at_ns = time.time_ns()
        milliseconds, random = f"{at_ns // 1_000_000:012x}", os.urandom(5).hex()
        id_start = (
            f"{milliseconds[:8]}-{milliseconds[8:]}-7{random[:3]}-8{random[3:6]}-{random[6:]}"
        )
        at = datetime.fromtimestamp(at_ns // 1000 / 1e6, UTC)
        models = map(_text, model)
        status = "shadow" if shadow else "answered" if error is None else "failed"
        return cls(
            id_start=id_start,
            before_user=_text(request_id or id_start),
            after_user=f"{chr(9).join(models)}\t{at.isoformat(timespec='microseconds')[:26]}Z\t"
            f"{inference_time_s * 1000:.4f}\t{status}",
            error=_text(error),
        )


_quoted = json.encoder.encode_basestring  # a JSON string, not limited to ASCII


class RequestRows(NamedTuple):
    """The rows of a request that are logged."""

    shared: SharedFields
    inputs: Columns
    outputs: Sequence[NDArray[np.float64] | None]  # None where not asked for
    numbers: Sequence[int]  # of the rows in the request
    user_ids: Sequence[Any] | NDArray[Any] | None

    def to_lines(self) -> bytes | memoryview:
        if len(self.numbers) >= _MIN_ARROW_ROWS:
            with suppress(pa.ArrowException, UnicodeError):  # as of mixed types
                return self._by_arrow()
        # Column after column: a row then costs one % of its line.
        columns: list[Iterable[object]] = [self.numbers, self.numbers]
        if self.user_ids is not None:
            columns.append(map(_text, self.user_ids))
        columns += [map(repr, each.tolist()) for each in self.outputs if each is not None]
        columns += map(_json_fields, self.inputs.values())
        before, after, error = (
            text.replace("%", "%%")
            for text in (self.shared.before_user, self.shared.after_user, self.shared.error)
        )
        user = r"\N" if self.user_ids is None else "%s"
        outputs = "\t".join([r"\N" if each is None else "%s" for each in self.outputs])
        line = (
            f"{self.shared.id_start}%08x\t{before}\t%d\t{user}\t{after}\t{outputs}\t{error}\t"
            f"{_template(tuple(self.inputs))}\n"
        )
        rows = zip(*columns, strict=True)
        return "".join([line % row for row in rows]).encode("utf-8", "replace")

    def _by_arrow(self) -> memoryview:
        shared = self.shared
        hexadecimal, decimal = _row_numbers(self.numbers)
        parts: list[Any] = [shared.id_start, hexadecimal, f"\t{shared.before_user}\t", decimal]
        parts += ["\t", r"\N" if self.user_ids is None else _text_column(self.user_ids)]
        parts += [f"\t{shared.after_user}\t"]
        for column in self.outputs:
            parts += [r"\N" if column is None else pc.cast(pa.array(column), pa.string()), "\t"]
        parts += [f"{shared.error}\t{{"]
        for index, (name, values) in enumerate(self.inputs.items()):
            parts += _pairs(_text(f"{',' if index else ''}{_quoted(name)}:"), values)
        parts += ["}\n"]
        return _bytes(pc.binary_join_element_wise(*_merged(parts), ""))


@lru_cache(maxsize=8)
def _template(names: tuple[str, ...]) -> str:
    """A JSON object of these names, to be filled by ``%`` with a field for each."""
    pairs = (_text(_quoted(name)).replace("%", "%%") + ":%s" for name in names)
    return "{" + ",".join(pairs) + "}"


@lru_cache(maxsize=8)
def _row_numbers(numbers: Sequence[int]) -> tuple[pa.Array, pa.Array]:
    return pa.array([f"{n:08x}" for n in numbers]), pa.array([str(n) for n in numbers])


def _merged(parts: list[Any]) -> Iterator[Any]:
    """`parts` with neighbouring texts as one Arrow scalar: each part costs time a row."""
    for is_text, group in groupby(parts, lambda part: isinstance(part, str)):
        if is_text:
            yield pa.scalar("".join(group).encode("utf-8", "replace").decode())
        else:
            yield from group


def _bytes(texts: pa.Array) -> memoryview:
    """All of a column's text, as it lies in memory."""
    _, offsets, data = texts.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return memoryview(data)[first:last]


def _pairs(before: str, values: Sequence[Any] | NDArray[Any]) -> list[Any]:
    """`before` and each value as JSON in a field of COPY's text format, in parts to join."""
    array = pa.array(values, from_pandas=True)
    if len(array.slice(0, _SAMPLE).unique()) > _SAMPLE // 2:
        return [before, *_json_column(array)]
    encoded = array.dictionary_encode()
    different = pc.binary_join_element_wise(before, *_json_column(encoded.dictionary), "")
    return [pc.fill_null(different.take(encoded.indices), f"{before}null")]


def _json_column(array: pa.Array) -> list[Any]:
    if pa.types.is_temporal(array.type):
        array = pc.cast(array, pa.string())
    if pa.types.is_string(array.type) and _needs_no_escape(array):
        if not array.null_count:
            return ['"', array, '"']
        quoted = pc.binary_join_element_wise('"', array, '"', "")
        return [pc.fill_null(quoted, "null")]
    if pa.types.is_floating(array.type):
        finite = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
        return [pc.fill_null(pc.cast(finite, pa.string()), "null")]
    return [pa.array([_text(_json(value)) for value in array.to_pylist()], pa.string())]


def _text_column(values: Sequence[Any] | NDArray[Any]) -> pa.Array:
    """Each value as a field of COPY's text format."""
    array = pa.array(values, pa.string(), from_pandas=True)
    if _needs_no_escape(array):
        return pc.fill_null(array, r"\N")
    return pa.array([_text(value) for value in array.to_pylist()])


def _needs_no_escape(texts: pa.Array) -> bool:
    """Whether no text needs escaping: no control character, quotation mark or backslash."""
    data = np.frombuffer(_bytes(texts), np.uint8)
    return not np.any((data < 32) | (data == ord('"')) | (data == ord("\\")))


def _text(value: Any) -> str:
    """A value as a field of COPY's text format."""
    if value is None or value != value:
        return r"\N"
    text = str(value)
    if not text.isprintable() or "\\" in text:
        text = text.replace("\\", r"\\").replace("\t", r"\t")
        text = text.replace("\n", r"\n").replace("\r", r"\r").replace("\x00", "")
    return text


def _json_fields(values: Sequence[Any] | NDArray[Any]) -> list[str]:
    """Each value as JSON within a field of COPY's text format.

    Of what that format escapes, JSON has the backslash only. Many values of one type, as
    most columns are, go without a look at each.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fO":
        values = values.tolist()  # numbers of Python's, which are quicker to look at
    if len(values) >= _MIN_VALUES_BY_TYPE:
        kinds = set(map(type, values))
        if kinds == {float}:
            return [repr(v) if math.isfinite(v) else "null" for v in values]
        if kinds <= {str, type(None)}:
            texts = ["null" if v is None else _quoted(v) for v in values]
            if "\\" not in "".join(texts):
                return texts
    return [_json(value).replace("\\", r"\\") for value in values]


def _json(value: Any) -> str:
    """A value as JSON; what JSON and Postgres cannot hold is null or left out."""
    if type(value) is float:  # as most, and quicker than what follows
        return repr(value) if math.isfinite(value) else "null"
    if isinstance(value, str):
        return _quoted(value.replace("\x00", ""))
    if value is None or value != value:
        return "null"
    if isinstance(value, float | int | np.number):
        return repr(float(value)) if math.isfinite(value) else "null"
    if isinstance(value, np.datetime64):
        return _quoted(str(value).replace("T", " "))  # as Arrow and pandas write it
    return _quoted(str(value))
