"""What became of every row of a spool: accepted = stored + quarantined + dropped + waiting."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from revenue_model.prediction_log.journal import FIELDS, SUFFIX, Header

_READ_BYTES = 256 << 10
_PREDICTED_AT = FIELDS.index("predicted_at")
HEADER_BYTES = 64 << 10  # more is no header


@dataclass(frozen=True)
class FileState:
    """What Postgres knows of a journal; every line read is stored or quarantined."""

    read_to: int = 0  # bytes
    dropped: int = 0  # rows, as the header said when last read
    stored: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class Snapshot:
    """The rows of a spool at one moment."""

    stored: int
    quarantined: int
    dropped: int
    waiting: int
    waiting_bytes: int
    lag_s: float  # age of the oldest waiting row

    @property
    def accepted(self) -> int:
        return self.stored + self.quarantined + self.dropped + self.waiting


class Tally:
    """Keeps count of a spool's rows without asking Postgres. Safe with threads."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._lock = threading.Lock()
        self._states: dict[str, FileState] = {}
        self._lines: dict[str, tuple[int, int]] = {}  # counted up to this byte

    def update(self, states: Mapping[str, FileState]) -> None:
        """Take over what was committed for journals."""
        with self._lock:
            self._states.update(states)

    def snapshot(self) -> Snapshot:
        with self._lock:
            waiting, waiting_bytes, lags, unread_drops = 0, 0, [0.0], 0
            for path in self._spool.glob(f"*{SUFFIX}"):
                state = self._states.get(path.name, FileState())
                try:
                    file = _File.of(path, self._lines.get(path.name))
                except OSError:  # collected and deleted meanwhile, or not ours to read
                    continue
                self._lines[path.name] = (file.counted_to, file.lines)
                unread_drops += max(file.dropped - state.dropped, 0)
                rows = file.lines - state.stored - state.quarantined
                if rows > 0:
                    waiting += rows
                    waiting_bytes += file.counted_to - state.read_to
                    lags.append(_age_s(path, max(state.read_to, file.header_bytes)))
            states = self._states.values()
            return Snapshot(
                stored=sum(state.stored for state in states),
                quarantined=sum(state.quarantined for state in states),
                dropped=sum(state.dropped for state in states) + unread_drops,
                waiting=waiting,
                waiting_bytes=waiting_bytes,
                lag_s=max(lags),
            )


@dataclass(frozen=True)
class _File:
    """A journal as it is now."""

    header_bytes: int  # 0 when there is no header: then its first line is a line, too
    dropped: int
    counted_to: int
    lines: int

    @classmethod
    def of(cls, path: Path, counted: tuple[int, int] | None) -> _File:
        """Count the lines of a file; `counted` is how far and how many it was before."""
        with path.open("rb") as file:
            first = file.readline(HEADER_BYTES)
            try:
                header_bytes, dropped = len(first), Header.parse(first).dropped
            except ValueError:
                header_bytes, dropped = 0, 0
            position, lines = counted or (header_bytes, 0)
            file.seek(position)
            while block := file.read(_READ_BYTES):
                position += len(block)
                lines += block.count(b"\n")
        return cls(header_bytes, dropped, position, lines)


def _age_s(path: Path, position: int) -> float:
    """Seconds since the prediction of the line at `position`, 0 when it is none."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            fields = file.readline(HEADER_BYTES).split(b"\t")
        predicted_at = datetime.fromisoformat(fields[_PREDICTED_AT].decode())
        return max((datetime.now(UTC) - predicted_at).total_seconds(), 0.0)
    except (OSError, ValueError, IndexError, TypeError):
        return 0.0
