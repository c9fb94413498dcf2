"""The prediction log: append-only files between the model's process and the sidecar.

A process writes *segments* of its own. The first line of a segment is a JSON header, every
further line one predicted row in the text format of Postgres's COPY, with the fields of
`FIELDS`. The writer holds a lock on its segment; a segment that nobody locks is complete.

Logging never fails a prediction: rows that cannot be written are dropped and counted, in
place in the segment's header, which also works on a full disk. docs/prediction-log.md
tells the whole story.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from revenue_model.prediction_log.copy_format import Columns, Request, to_lines

if TYPE_CHECKING:
    from revenue_model.model.schema import Schema

_log = logging.getLogger(__name__)

FORMAT = 1
SHADOW_FORMAT = 2  # as 1, with the status shadow: who only knows 1 must not count such rows
SUFFIX = ".log"
NEW_SUFFIX = ".new"  # until the header is written
FIELDS = (
    "prediction_id",  # a UUID of version 7: ordered by time
    "request_id",
    "row_number",  # of the request, from 1
    "user_id",
    "model_name",
    "model_version",
    "model_id",
    "predicted_at",  # UTC, microseconds
    "inference_time_ms",  # of the whole request
    "status",  # answered, failed or shadow
    "predicted_revenue",  # USD; this and the next three are null where not asked for
    "revenue_low",
    "revenue_high",
    "payer_probability",
    "error",  # why the row has no prediction, else null
    "inputs",  # JSON object of the schema's columns, without the id
)
_OUTPUTS = ("predicted_revenue", "revenue_low", "revenue_high", "payer_probability")
_DROPPED_AT = len('{"dropped":"')  # where the header's counter stands
_DROPPED_DIGITS = 15
_MOST_SEGMENT_BYTES = 64 << 20
_SEGMENTS_IN_CAP = 64  # so that what a writer holds open is a small part of the cap
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
    pid: int
    origin: Origin
    columns: tuple[str, ...]  # what `inputs` may hold
    segments: tuple[str, ...]  # the columns by which predictions are counted
    format: int = FORMAT

    def to_line(self) -> bytes:
        rest = {"format": self.format} | asdict(self)
        del rest["dropped"]
        text = json.dumps(rest)
        return f'{{"dropped":"{self.dropped:0{_DROPPED_DIGITS}d}", {text[1:]}\n'.encode()

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Raises `ValueError` when `line` is no header of this format."""
        try:
            fields = json.loads(line)
            if fields["format"] not in (FORMAT, SHADOW_FORMAT):
                raise ValueError(f"format {fields['format']!r}, expected {FORMAT}")
            return cls(
                dropped=int(fields["dropped"]),
                host=str(fields["host"]),
                pid=int(fields["pid"]),
                origin=Origin(**fields["origin"]),
                columns=tuple(map(str, fields["columns"])),
                segments=tuple(map(str, fields["segments"])),
                format=fields["format"],
            )
        except (
            KeyError,
            TypeError,
            UnicodeDecodeError,
            json.JSONDecodeError,
            RecursionError,
        ) as error:
            raise ValueError(f"no header of a segment ({type(error).__name__})") from None


class Spool:
    """Appends predicted rows to the segments of this process; safe with threads and forks.

    The rows of a `shadow` were scored beside the answer.
    """

    def __init__(
        self,
        folder: Path,
        origin: Origin,
        schema: Schema,
        *,
        most_bytes: int,
        shadow: bool = False,
    ) -> None:
        self.dropped = 0  # rows that no header counts yet
        self._folder, self._most_bytes = folder, most_bytes
        self._origin, self._id, self._shadow = origin, schema.id, shadow
        self._model = astuple(origin)
        names = (c.name for c in schema.columns if c.role not in ("target", "id"))
        self._columns, self._segments = tuple(names), schema.segments
        self._complained, self._dropped_quietly = -math.inf, 0
        self._segment: _Segment | None = None
        self._begin_process()

    @classmethod
    def from_environment(
        cls, origin: Origin, schema: Schema, *, shadow: bool = False
    ) -> Self | None:
        """The spool in the folder `REVENUE_PREDICTION_LOG`, None when it is not set.

        `REVENUE_PREDICTION_LOG_MAX_BYTES` caps what lies there uncollected (10 GiB);
        `ValueError` when it is no number.
        """
        folder = os.environ.get("REVENUE_PREDICTION_LOG")
        most = os.environ.get("REVENUE_PREDICTION_LOG_MAX_BYTES") or str(10 << 30)
        if not most.isdigit():
            raise ValueError(
                f"REVENUE_PREDICTION_LOG_MAX_BYTES must be a number of bytes, got {most!r}."
            )
        if not folder:
            return None
        return cls(Path(folder), origin, schema, most_bytes=int(most), shadow=shadow)

    def append(
        self,
        columns: Columns,
        outputs: Mapping[str, NDArray[np.float64]],
        *,
        request_id: str,
        inference_time_s: float,
        rows: NDArray[np.intp] | None = None,
    ) -> None:
        """Log a request's rows: `columns` hold the inputs, `outputs` what was answered.

        `rows` are those to log, all by default.
        """
        self._append(columns, outputs, request_id, inference_time_s, None, rows)

    def append_failure(
        self,
        columns: Columns,
        reason: str,
        *,
        request_id: str,
        inference_time_s: float,
    ) -> None:
        """Log the rows of a request that was refused or failed, and why."""
        self._append(columns, {}, request_id, inference_time_s, reason)

    def _append(
        self,
        columns: Columns,
        outputs: Mapping[str, NDArray[np.float64]],
        request_id: str,
        inference_time_s: float,
        error: str | None,
        chosen: NDArray[np.intp] | None = None,
    ) -> None:
        rows = max(map(len, (outputs or columns).values()), default=0)
        numbers: Sequence[int] = range(1, rows + 1)
        if chosen is not None:
            rows, numbers = len(chosen), tuple((chosen + 1).tolist())
        if not rows:
            return
        try:
            if chosen is not None:
                columns = {name: take(values, chosen) for name, values in columns.items()}
                outputs = {name: values[chosen] for name, values in outputs.items()}
            inputs = {name: columns[name] for name in self._columns if name in columns}
            request = Request.now(
                self._model, request_id, inference_time_s, error, shadow=self._shadow
            )
            answered = [outputs.get(name) for name in _OUTPUTS]
            user_ids = columns.get(self._id or "")
            dropped = self._write(to_lines(request, inputs, answered, numbers, user_ids))
            if dropped:
                self._drop(dropped, "the disk is full")
        except Exception as problem:  # whatever it is, the prediction goes on
            self._drop(rows, problem)

    def _begin_process(self) -> None:
        """A forked process leaves its parent's segment, counts and lock to the parent."""
        if self._segment:
            self._segment.close()
            self.dropped = 0
        self._pid, self._lock, self._segment = os.getpid(), threading.Lock(), None

    def _write(self, lines: bytes | memoryview) -> int:
        """Append `lines` to the segment; returns how many of them found no room."""
        if self._pid != os.getpid():
            self._begin_process()
        with self._lock:
            if self._segment is None or self._segment.is_full():
                fresh = self._open_segment()  # before the old one is left: it counts failures
                if self._segment:
                    self._segment.close()
                self._segment = fresh
            return self._segment.write(lines)

    def _open_segment(self) -> _Segment:
        self._folder.mkdir(parents=True, exist_ok=True)
        used = 0
        for path in self._folder.glob(f"*{SUFFIX}"):
            with suppress(FileNotFoundError):  # collected meanwhile
                used += path.stat().st_size
        if used >= self._most_bytes:
            raise OSError(f"{used} bytes wait to be collected, the most allowed")
        header = Header(
            dropped=self.dropped,
            host=socket.gethostname(),
            pid=self._pid,
            origin=self._origin,
            columns=self._columns,
            segments=self._segments,
            format=SHADOW_FORMAT if self._shadow else FORMAT,
        )
        most = min(_MOST_SEGMENT_BYTES, self._most_bytes // _SEGMENTS_IN_CAP)
        segment = _Segment(self._folder, header, most)
        self.dropped = 0
        return segment

    def _drop(self, rows: int, problem: object) -> None:
        with self._lock:
            self._dropped_quietly += rows
            try:
                if self._segment is None:
                    raise OSError("no segment")
                self._segment.count_dropped(rows)
            except OSError:
                self.dropped += rows
            now = time.monotonic()
            if now - self._complained >= _COMPLAIN_EVERY_S:
                _log.error(
                    "Prediction log: %d rows are dropped, predictions go on: %s",
                    self._dropped_quietly,
                    problem,
                )
                self._complained, self._dropped_quietly = now, 0


def take(values: Sequence[Any] | NDArray[Any], rows: NDArray[np.intp]) -> Any:
    """`values` of these rows, of the same kind."""
    if isinstance(values, np.ndarray):
        return values[rows]
    return [values[row] for row in rows]


class _Segment:
    """One open file of the log; appears under its name with its header written."""

    def __init__(self, folder: Path, header: Header, most_bytes: int) -> None:
        name = f"{header.host}-{header.pid}-{time.time_ns()}"
        new = folder / f"{name}{NEW_SUFFIX}"
        self._most_bytes, self._dropped = most_bytes, header.dropped
        self._opened, self._size = time.monotonic(), 0
        self._fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            if self.write(header.to_line()):
                raise OSError("the disk is full")
            new.rename(folder / f"{name}{SUFFIX}")
        except OSError:
            os.close(self._fd)
            new.unlink(missing_ok=True)
            raise

    def is_full(self) -> bool:
        old = time.monotonic() - self._opened > _SEGMENT_AGE_S
        return old or self._size >= self._most_bytes

    def write(self, lines: bytes | memoryview) -> int:
        """Returns how many lines found no room; half a line is cut off again."""
        written = os.pwrite(self._fd, lines, self._size)
        left = 0
        if written < len(lines):
            text = bytes(lines)
            written = text.rfind(b"\n", 0, written) + 1
            left = text.count(b"\n", written)
            os.ftruncate(self._fd, self._size + written)
        self._size += written
        return left

    def count_dropped(self, rows: int) -> None:
        self._dropped += rows
        try:
            os.pwrite(self._fd, f"{self._dropped:0{_DROPPED_DIGITS}d}".encode(), _DROPPED_AT)
        except OSError:
            self._dropped -= rows
            raise

    def close(self) -> None:
        with suppress(OSError):  # a delayed write error says nothing about these lines
            os.close(self._fd)
