"""Moves the prediction log from the spool's segments to Postgres, each row exactly once.

The rows of a segment, their counts and the offset up to which it was read commit in one
transaction. A segment that is complete and wholly stored is deleted.
"""

from __future__ import annotations

import fcntl
import io
import logging
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from revenue_model.model.spool import FIELDS, SUFFIX, Header
from revenue_model.sidecar.database import QUERIES, Database, ensure_partition

_log = logging.getLogger(__name__)

_READ_BYTES = 16 << 20
_RETRY_S = 1.0
_PREDICTED_AT = FIELDS.index("predicted_at")
_HEADER_BYTES = 4096


class Collector(threading.Thread):
    """Collects the segments of `spool` until `stop`, whatever happens to Postgres."""

    def __init__(self, database: Database, spool: Path, poll_s: float) -> None:
        super().__init__(name="collector", daemon=True)
        self.problem = ""  # why the last round failed, "" when it did not
        self._database, self._spool, self._poll_s = database, spool, poll_s
        self._read: dict[str, tuple[int, bytes]] = {}  # what is known to be stored
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                moved = self.collect()
                self.problem = ""
                wait_s = 0.0 if moved else self._poll_s
            except (psycopg2.Error, OSError) as error:
                problem = str(error).strip().splitlines()[0]
                if problem != self.problem:
                    _log.error("Collecting the prediction log: %s", problem)
                self.problem, wait_s = problem, _RETRY_S
            self._stopping.wait(wait_s)

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def collect(self) -> int:
        """Move what is complete in every segment; returns the number of bytes."""
        return sum(self._collect(path) for path in sorted(self._spool.glob(f"*{SUFFIX}")))

    def _collect(self, path: Path) -> int:
        with path.open("rb") as file:
            complete = _is_complete(file)  # asked before reading: nothing is added after
            seen = (file.seek(0, io.SEEK_END), _first_line(file))
            if not complete and self._read.get(path.name) == seen:
                return 0
            with self._database.connect() as connection:
                done = _move(connection, path.name, file, complete)
            self._read[path.name] = (done.read_to, seen[1])
            if done.at_end and complete:
                path.unlink()
                del self._read[path.name]
        return done.bytes

    def waiting_bytes(self) -> int:
        """What lies in the spool, header lines included."""
        return sum(path.stat().st_size for path in self._spool.glob(f"*{SUFFIX}"))


def _is_complete(file: io.BufferedReader) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _first_line(file: io.BufferedReader) -> bytes:
    file.seek(0)
    return file.readline(_HEADER_BYTES)


@dataclass(frozen=True)
class _Moved:
    bytes: int
    read_to: int
    at_end: bool


def _move(connection: Connection, name: str, file: io.BufferedReader, complete: bool) -> _Moved:
    """Store the next lines of a segment and how far it is read, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["lock_file"], {"name": name})
        read_to, dropped_before = cursor.fetchone() or (0, 0)
    first = _first_line(file)
    bad: list[tuple[int, str, bytes]] = []
    try:
        header = Header.parse(first)
    except (ValueError, KeyError, TypeError) as error:
        return _set_aside(connection, name, file, read_to, f"no header: {error}")
    start = max(read_to, len(first))
    file.seek(start)
    block = file.read(_READ_BYTES)
    if not (complete and len(block) < _READ_BYTES):
        block = block[: block.rfind(b"\n") + 1]
    good = bytearray()
    days: set[date] = set()
    stored, position = 0, start
    for line in block.splitlines(keepends=True) if block else []:
        try:
            days.add(_day(line))
            good += line
            stored += 1
        except ValueError as error:
            bad.append((position, str(error), line))
        position += len(line)
    if good:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SAVEPOINT lines")
            _store(connection, header, bytes(good), days)
        except psycopg2.DataError:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK TO SAVEPOINT lines")
            stored = _store_one_by_one(connection, header, block, start, bad)
    for position, reason, line in bad:
        _quarantine(connection, name, position, reason, line)
    if block or header.dropped != dropped_before:
        _advance(connection, name, start + len(block), header.dropped, stored, len(bad))
    file.seek(0, io.SEEK_END)
    read_to = start + len(block)
    return _Moved(len(block), read_to, read_to >= file.tell())


def _day(line: bytes) -> date:
    """The day of a line's prediction; `ValueError` when it cannot be one."""
    if not line.endswith(b"\n"):
        raise ValueError("half a line")
    fields = line.split(b"\t")
    if len(fields) != len(FIELDS):
        raise ValueError(f"{len(fields)} fields, expected {len(FIELDS)}")
    return date.fromisoformat(fields[_PREDICTED_AT][:10].decode("ascii", "replace"))


def _store(connection: Connection, header: Header, lines: bytes, days: set[date]) -> None:
    origin = header.origin
    for day in sorted(days):
        ensure_partition(connection, day)
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["stage"])
        cursor.copy_from(io.BytesIO(lines), "staged", columns=FIELDS)
        parameters = {
            "model_name": origin.model_name,
            "model_version": origin.model_version,
            "model_id": origin.model_id,
            "segments": list(header.segments),
        }
        cursor.execute(QUERIES["store"], parameters)
        cursor.execute(QUERIES["count"], parameters)
        cursor.execute("DELETE FROM staged")


def _store_one_by_one(
    connection: Connection,
    header: Header,
    block: bytes,
    position: int,
    bad: list[tuple[int, str, bytes]],
) -> int:
    """After Postgres refused a block: store what it takes, add the rest to `bad`."""
    known_bad = {at for at, _, _ in bad}
    stored = 0
    for line in block.splitlines(keepends=True):
        if position not in known_bad:
            with connection.cursor() as cursor:
                cursor.execute("SAVEPOINT line")
                try:
                    _store(connection, header, line, {_day(line)})
                    stored += 1
                except psycopg2.DataError as error:
                    cursor.execute("ROLLBACK TO SAVEPOINT line")
                    bad.append((position, str(error).splitlines()[0], line))
        position += len(line)
    return stored


def _set_aside(
    connection: Connection, name: str, file: io.BufferedReader, read_to: int, reason: str
) -> _Moved:
    """Quarantine a whole file that is no segment, in pieces."""
    file.seek(read_to)
    piece = file.read(_READ_BYTES)
    if piece:
        _quarantine(connection, name, read_to, reason, piece)
        _advance(connection, name, read_to + len(piece), 0, 0, piece.count(b"\n") or 1)
    file.seek(0, io.SEEK_END)
    read_to += len(piece)
    return _Moved(len(piece), read_to, read_to >= file.tell())


def _quarantine(
    connection: Connection, name: str, position: int, reason: str, line: bytes
) -> None:
    _log.warning("Prediction log %s, byte %d: %s; quarantined.", name, position, reason)
    with connection.cursor() as cursor:
        cursor.execute(
            QUERIES["quarantine"],
            {
                "name": name,
                "read_from": position,
                "reason": reason,
                "line": psycopg2.Binary(line),
            },
        )


def _advance(
    connection: Connection, name: str, read_to: int, dropped: int, stored: int, quarantined: int
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            QUERIES["advance_file"],
            {
                "name": name,
                "read_to": read_to,
                "dropped": dropped,
                "stored": stored,
                "quarantined": quarantined,
            },
        )
