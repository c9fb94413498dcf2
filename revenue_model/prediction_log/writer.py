"""The writer of the prediction log: appends predicted rows to journals of its process.

Logging never fails a prediction: rows that cannot be written are dropped and counted, in
place in the journal's header, which also works on a full disk.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from revenue_model.prediction_log.copy_format import Columns, RequestRows, SharedFields
from revenue_model.prediction_log.journal import (
    DROPPED_AT,
    FORMAT,
    NEW_SUFFIX,
    OUTPUTS,
    SHADOW_FORMAT,
    SUFFIX,
    Header,
    LoggedColumns,
    Provenance,
    dropped_digits,
)

_log = logging.getLogger(__name__)

_MAX_JOURNAL_BYTES = 64 << 20
_JOURNALS_IN_CAP = 64  # so that what a writer holds open is a small part of the cap
_MAX_AGE_S = 3600.0
_LOG_EVERY_S = 60.0


class JournalWriter:
    """Appends rows to the journals of this process; safe with threads and forks.

    The rows of a `shadow` were scored beside the answer.
    """

    def __init__(
        self,
        folder: Path,
        provenance: Provenance,
        columns: LoggedColumns,
        *,
        max_bytes: int,
        shadow: bool = False,
    ) -> None:
        self.dropped = 0  # rows that no header counts yet
        self._folder, self._max_bytes = folder, max_bytes
        self._provenance, self._columns, self._shadow = provenance, columns, shadow
        self._model = astuple(provenance)
        self._logged_at, self._dropped_unlogged = -math.inf, 0
        self._journal: _OpenJournal | None = None
        self._begin_process()

    @classmethod
    def from_environment(
        cls, provenance: Provenance, columns: LoggedColumns, *, shadow: bool = False
    ) -> Self | None:
        """A writer to the folder `REVENUE_PREDICTION_LOG`, None when it is not set.

        `REVENUE_PREDICTION_LOG_MAX_BYTES` caps what lies there uncollected (10 GiB);
        `ValueError` when it is no number.
        """
        folder = os.environ.get("REVENUE_PREDICTION_LOG")
        cap = os.environ.get("REVENUE_PREDICTION_LOG_MAX_BYTES") or str(10 << 30)
        if not cap.isdigit():
            raise ValueError(
                f"REVENUE_PREDICTION_LOG_MAX_BYTES must be a number of bytes, got {cap!r}."
            )
        if not folder:
            return None
        return cls(Path(folder), provenance, columns, max_bytes=int(cap), shadow=shadow)

    def append_failure(
        self, columns: Columns, reason: str, *, request_id: str, inference_time_s: float
    ) -> None:
        """Log the rows of a request that was refused or failed, and why."""
        self.append(
            columns, {}, request_id=request_id, inference_time_s=inference_time_s, error=reason
        )

    def append(
        self,
        columns: Columns,
        outputs: Mapping[str, NDArray[np.float64]],
        *,
        request_id: str,
        inference_time_s: float,
        rows: NDArray[np.intp] | None = None,
        error: str | None = None,
    ) -> None:
        """Log a request's rows: `columns` hold the inputs, `outputs` what was answered.

        `rows` are those to log, all by default; `error` is why they have no outputs.
        """
        count = max(map(len, (outputs or columns).values()), default=0)
        numbers: Sequence[int] = range(1, count + 1)
        if rows is not None:
            numbers = tuple((rows + 1).tolist())
        if not numbers:
            return
        try:
            if rows is not None:
                columns = {name: _take(values, rows) for name, values in columns.items()}
                outputs = {name: values[rows] for name, values in outputs.items()}
            inputs = {name: columns[name] for name in self._columns.inputs if name in columns}
            shared = SharedFields.now(
                self._model, request_id, inference_time_s, error, shadow=self._shadow
            )
            answered = [outputs.get(name) for name in OUTPUTS]
            user_ids = columns.get(self._columns.id or "")
            logged = RequestRows(shared, inputs, answered, numbers, user_ids)
            dropped = self._write(logged.to_lines())
            if dropped:
                self._drop(dropped, "the disk is full")
        except Exception as problem:  # whatever it is, the prediction goes on
            self._drop(len(numbers), problem)

    def _begin_process(self) -> None:
        """A forked process leaves its parent's journal, counts and lock to the parent."""
        if self._journal:
            self._journal.close()
            self.dropped = 0
        self._pid, self._lock, self._journal = os.getpid(), threading.Lock(), None

    def _write(self, lines: bytes | memoryview) -> int:
        """Append `lines` to the journal; returns how many of them found no room."""
        if self._pid != os.getpid():
            self._begin_process()
        with self._lock:
            if self._journal is None or self._journal.is_full():
                fresh = self._open_journal()  # before the old one is left: it counts failures
                if self._journal:
                    self._journal.close()
                self._journal = fresh
            return self._journal.write(lines)

    def _open_journal(self) -> _OpenJournal:
        self._folder.mkdir(parents=True, exist_ok=True)
        used = 0
        for path in self._folder.glob(f"*{SUFFIX}"):
            with suppress(FileNotFoundError):  # collected meanwhile
                used += path.stat().st_size
        if used >= self._max_bytes:
            raise OSError(f"{used} bytes wait to be collected, the cap is {self._max_bytes}")
        header = Header(
            dropped=self.dropped,
            host=socket.gethostname(),
            pid=self._pid,
            provenance=self._provenance,
            columns=self._columns.inputs,
            segments=self._columns.segments,
            format=SHADOW_FORMAT if self._shadow else FORMAT,
        )
        max_bytes = min(_MAX_JOURNAL_BYTES, self._max_bytes // _JOURNALS_IN_CAP)
        journal = _OpenJournal(self._folder, header, max_bytes)
        self.dropped = 0
        return journal

    def _drop(self, rows: int, problem: object) -> None:
        with self._lock:
            self._dropped_unlogged += rows
            try:
                if self._journal is None:
                    raise OSError("no journal")
                self._journal.count_dropped(rows)
            except OSError:
                self.dropped += rows
            now = time.monotonic()
            if now - self._logged_at >= _LOG_EVERY_S:
                _log.error(
                    "Prediction log: %d rows are dropped, predictions go on: %s",
                    self._dropped_unlogged,
                    problem,
                )
                self._logged_at, self._dropped_unlogged = now, 0


def _take(values: Sequence[Any] | NDArray[Any], rows: NDArray[np.intp]) -> Any:
    """`values` of these rows, of the same kind."""
    if isinstance(values, np.ndarray):
        return values[rows]
    return [values[row] for row in rows]


class _OpenJournal:
    """The journal that is open; appears under its name with its header written."""

    def __init__(self, folder: Path, header: Header, max_bytes: int) -> None:
        name = f"{header.host}-{header.pid}-{time.time_ns()}"
        new = folder / f"{name}{NEW_SUFFIX}"
        self._max_bytes, self._dropped = max_bytes, header.dropped
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
        old = time.monotonic() - self._opened > _MAX_AGE_S
        return old or self._size >= self._max_bytes

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
            os.pwrite(self._fd, dropped_digits(self._dropped), DROPPED_AT)
        except OSError:
            self._dropped -= rows
            raise

    def close(self) -> None:
        with suppress(OSError):  # a delayed write error says nothing about these lines
            os.close(self._fd)
