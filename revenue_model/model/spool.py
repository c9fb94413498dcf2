"""The prediction log: append-only files between the model's process and the sidecar.

A process writes *segments* of its own. The first line of a segment is a JSON header, every
further line one predicted row in the text format of Postgres's COPY, with the fields of
`FIELDS`. A line is written at once and whole. The writer holds a lock on its segment; a
segment that nobody locks is complete.

Logging never fails a prediction: rows that cannot be written are dropped and counted in
the segment's header, in place, which also works on a full disk.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from revenue_model.model.schema import Schema

_log = logging.getLogger(__name__)

FORMAT = 1
SUFFIX = ".log"
FIELDS = (
    "prediction_id",  # a UUID of version 7: ordered by time
    "request_id",
    "row_number",  # of the request, from 1
    "user_id",
    "predicted_at",  # UTC, microseconds
    "inference_time_ms",  # of the whole request
    "predicted_revenue",  # USD; this and the next three are null where not asked for
    "revenue_low",
    "revenue_high",
    "payer_probability",
    "error",  # why the row has no prediction, else null
    "inputs",  # JSON object of the schema's columns
)
_OUTPUTS = FIELDS[6:10]
_DROPPED_AT = len('{"dropped":"')  # where the header's counter stands
_DROPPED_DIGITS = 15
_LARGE = 100  # rows from which Arrow writes lines quicker than Python
_SEGMENT_BYTES = 64 << 20
_SEGMENT_AGE_S = 3600.0
_COMPLAIN_EVERY_S = 60.0


@dataclass(frozen=True)
class Origin:
    """Which registered model made a prediction."""

    model_name: str
    model_version: str
    model_id: str


@dataclass(frozen=True)
class Header:
    """The first line of a segment."""

    dropped: int  # rows that this segment's writer could not write
    host: str
    origin: Origin
    segments: tuple[str, ...]  # the input columns by which predictions are counted

    def to_line(self) -> bytes:
        rest = {"format": FORMAT, "host": self.host, "segments": self.segments}
        text = json.dumps(rest | asdict(self.origin), ensure_ascii=True)
        return f'{{"dropped":"{self.dropped:0{_DROPPED_DIGITS}d}",{text[1:]}\n'.encode()

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Raises `ValueError` when `line` is no header of this format."""
        fields = json.loads(line)
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise ValueError(f"is no segment of format {FORMAT}")
        origin = Origin(*(fields[name] for name in Origin.__dataclass_fields__))
        return cls(int(fields["dropped"]), fields["host"], origin, tuple(fields["segments"]))


class Spool:
    """Appends predicted rows to the segments of this process; safe with threads and forks."""

    def __init__(
        self, folder: Path, origin: Origin, schema: Schema, *, most_bytes: int
    ) -> None:
        self.dropped = 0
        self._folder, self._origin, self._schema = folder, origin, schema
        self._most_bytes = most_bytes
        self._logged = [c.name for c in schema.columns if c.role != "target"]
        self._lock = threading.Lock()
        self._segment: _Segment | None = None
        self._complained = -np.inf

    @classmethod
    def from_environment(cls, origin: Origin, schema: Schema) -> Self | None:
        """The spool in the folder `REVENUE_PREDICTION_LOG`, None when it is not set.

        `REVENUE_PREDICTION_LOG_MAX_BYTES` caps what lies there uncollected (10 GiB).
        """
        folder = os.environ.get("REVENUE_PREDICTION_LOG")
        most = int(os.environ.get("REVENUE_PREDICTION_LOG_MAX_BYTES", 10 << 30))
        return cls(Path(folder), origin, schema, most_bytes=most) if folder else None

    def append(
        self,
        columns: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, NDArray[np.float64]],
        *,
        request_id: str,
        inference_time_s: float,
    ) -> None:
        """Log a request's rows: `columns` hold the inputs, `outputs` what was answered."""
        rows = len(outputs["predicted_revenue"])
        self._append(columns, outputs, rows, request_id, inference_time_s, None)

    def append_failure(
        self,
        columns: Mapping[str, Sequence[Any]],
        reason: str,
        *,
        request_id: str,
        inference_time_s: float,
    ) -> None:
        """Log the rows of a request that was refused or failed, and why."""
        rows = max(map(len, columns.values()), default=0)
        self._append(columns, {}, rows, request_id, inference_time_s, reason)

    def _append(
        self,
        columns: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, NDArray[np.float64]],
        rows: int,
        request_id: str,
        inference_time_s: float,
        error: str | None,
    ) -> None:
        try:
            request = _Request(request_id, inference_time_s * 1000, error)
            lines = (_few_lines if rows < _LARGE else _many_lines)(
                request, self._inputs(columns), outputs, rows, self._user_ids(columns, rows)
            )
            self._write(lines)
        except Exception as problem:  # whatever it is, the prediction goes on
            self._drop(rows, problem)

    def _inputs(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        skipped = self._schema.id
        return {n: columns[n] for n in self._logged if n in columns and n != skipped}

    def _user_ids(self, columns: Mapping[str, Sequence[Any]], rows: int) -> Sequence[Any]:
        return columns.get(self._schema.id or "", [None] * rows)

    def _write(self, lines: bytes) -> None:
        with self._lock:
            segment = self._segment
            if segment is None or segment.pid != os.getpid():
                segment = None  # a forked process must not write to its parent's segment
            elif segment.is_full():
                segment.close()
                segment = None
            if segment is None:
                self._require_room()
                header = Header(
                    self.dropped, socket.gethostname(), self._origin, self._schema.segments
                )
                segment = self._segment = _Segment(self._folder, header)
                self.dropped = 0
            segment.write(lines)

    def _require_room(self) -> None:
        used = sum(path.stat().st_size for path in self._folder.glob(f"*{SUFFIX}"))
        if used >= self._most_bytes:
            raise OSError(f"{used} bytes wait in the prediction log, the cap is reached")

    def _drop(self, rows: int, problem: Exception) -> None:
        with self._lock:
            segment = self._segment
            if segment is not None and segment.pid == os.getpid():
                segment.count_dropped(rows)
            else:
                self.dropped += rows
            now = time.monotonic()
            if now - self._complained >= _COMPLAIN_EVERY_S:
                self._complained = now
                _log.error("Prediction log: rows are dropped, predictions go on: %s", problem)


class _Segment:
    """One open file of the log; appears under its name with its header written."""

    def __init__(self, folder: Path, header: Header) -> None:
        self.pid = os.getpid()
        name = f"{header.host}-{self.pid}-{time.time_ns()}{SUFFIX}"
        new = folder / f".{name}"
        self._dropped = header.dropped
        self._fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._size = 0
        try:
            self.write(header.to_line())
            new.rename(folder / name)
        except OSError:
            new.unlink()
            os.close(self._fd)
            raise
        self._opened = time.monotonic()

    def is_full(self) -> bool:
        old = time.monotonic() - self._opened > _SEGMENT_AGE_S
        return old or self._size >= _SEGMENT_BYTES

    def write(self, lines: bytes) -> None:
        written = os.pwrite(self._fd, lines, self._size)
        if written < len(lines):
            os.ftruncate(self._fd, self._size)  # no half line stays
            raise OSError(f"disk full: {written} of {len(lines)} bytes written")
        self._size += written

    def count_dropped(self, rows: int) -> None:
        self._dropped += rows
        os.pwrite(self._fd, f"{self._dropped:0{_DROPPED_DIGITS}d}".encode(), _DROPPED_AT)

    def close(self) -> None:
        os.close(self._fd)


@dataclass(frozen=True)
class _Request:
    """What all rows of one request share."""

    request_id: str
    inference_time_ms: float
    error: str | None

    def before(self) -> tuple[str, str]:
        """The prediction id up to its last 8 hex digits, the row; and the request id."""
        now = time.time_ns()
        random = os.urandom(6).hex()
        milliseconds = f"{now // 1_000_000:012x}"
        start = (
            f"{milliseconds[:8]}-{milliseconds[8:]}-7{random[:3]}-8{random[3:6]}-{random[6:10]}"
        )
        return start, _text(self.request_id or start)

    def middle(self) -> str:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f"{now}\t{self.inference_time_ms:.4f}"


def _few_lines(
    request: _Request,
    inputs: dict[str, Sequence[Any]],
    outputs: Mapping[str, NDArray[np.float64]],
    rows: int,
    user_ids: Sequence[Any],
) -> bytes:
    start, request_id = request.before()
    middle, error = request.middle(), _text(request.error)
    values = [outputs[name].tolist() if name in outputs else None for name in _OUTPUTS]
    lines = []
    for row in range(rows):
        answered = "\t".join([r"\N" if v is None else repr(v[row]) for v in values])
        fields = {name: _json_value(column[row]) for name, column in inputs.items()}
        lines.append(
            f"{start}{row + 1:08x}\t{request_id}\t{row + 1}\t{_text(user_ids[row])}\t{middle}\t"
            f"{answered}\t{error}\t{_text(json.dumps(fields, ensure_ascii=False))}\n"
        )
    return "".join(lines).encode("utf-8", "replace")


def _many_lines(
    request: _Request,
    inputs: dict[str, Sequence[Any]],
    outputs: Mapping[str, NDArray[np.float64]],
    rows: int,
    user_ids: Sequence[Any],
) -> bytes:
    start, request_id = request.before()
    numbers = range(1, rows + 1)
    answered = [
        pc.cast(pa.array(outputs[name]), pa.string()) if name in outputs else r"\N"
        for name in _OUTPUTS
    ]
    parts: list[Any] = [start, pa.array([f"{n:08x}" for n in numbers]), f"\t{request_id}\t"]
    parts += [pc.cast(pa.array(numbers), pa.string()), "\t", _texts(user_ids), "\t"]
    parts += [f"{request.middle()}\t"]
    for value in answered:
        parts += [value, "\t"]
    parts += [f"{_text(request.error)}\t", _texts(_json_objects(inputs, rows)), "\n"]
    lines = pc.binary_join_element_wise(*_scalars(parts), "")
    return _concatenated(lines)


def _scalars(parts: list[Any]) -> list[Any]:
    return [pa.scalar(part) if isinstance(part, str) else part for part in parts]


def _concatenated(lines: pa.Array) -> bytes:
    offsets = np.frombuffer(lines.buffers()[1], np.int32)
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return bytes(lines.buffers()[2][int(first) : int(last)])


def _json_objects(inputs: dict[str, Sequence[Any]], rows: int) -> pa.Array:
    parts: list[Any] = ["{"]
    for index, (name, column) in enumerate(inputs.items()):
        comma = ", " if index else ""
        parts += [f"{comma}{json.dumps(name, ensure_ascii=False)}: ", _json_values(column)]
    if not inputs:
        return pa.array(["{}"] * rows)
    return pc.binary_join_element_wise(*_scalars([*parts, "}"]), "")


def _json_values(column: Sequence[Any]) -> pa.Array:
    array = pa.array(column, from_pandas=True)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        if pc.any(pc.match_substring_regex(array, r'[\\"\x00-\x1f]')).as_py():
            return pa.array([json.dumps(v, ensure_ascii=False) for v in array.to_pylist()])
        quoted = pc.binary_join_element_wise(pa.scalar('"'), array, pa.scalar('"'), "")
        return pc.fill_null(quoted, "null")
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
        return pc.fill_null(pc.cast(array, pa.string()), "null")
    return pa.array([json.dumps(_json_value(v), ensure_ascii=False) for v in column])


def _texts(values: Any) -> pa.Array:
    """Each value as a field of COPY's text format."""
    array = (
        values
        if isinstance(values, pa.Array)
        else pa.array(values, pa.string(), from_pandas=True)
    )
    if pc.any(pc.match_substring_regex(array, r"[\\\t\n\r]")).as_py():
        return pa.array([_text(value) for value in array.to_pylist()])
    return pc.fill_null(array, r"\N")


def _text(value: Any) -> str:
    """A value as a field of COPY's text format."""
    if value is None or value != value:
        return r"\N"
    text = str(value)
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", r"\\").replace("\t", r"\t")
        text = text.replace("\n", r"\n").replace("\r", r"\r")
    return text.replace("\x00", "")


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return value if np.isfinite(value) else None
    return str(value)
