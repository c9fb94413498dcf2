"""Moves the prediction log from the spool's journals to Postgres, each row exactly once.

The rows of a journal, their counts and the offset up to which it was read commit in one
transaction. A journal that is complete and wholly stored is deleted. What is no prediction
goes to the quarantine and does not stop the rest.
"""

from __future__ import annotations

import fcntl
import io
import json
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection as Connection

from revenue_model.prediction_log.journal import FIELDS, NEW_SUFFIX, SUFFIX, Header
from revenue_model.prediction_log.reader import Lines, joined
from revenue_model.sidecar.collect.ledger import HEADER_BYTES, FileState, Tally
from revenue_model.sidecar.collect.pieces import Piece, pieces, read_lines
from revenue_model.sidecar.collect.rollups import count, count_dropped
from revenue_model.sidecar.collect.value_counts import ColumnCounter
from revenue_model.sidecar.store.database import Database, execute
from revenue_model.sidecar.store.migrate import NewerDatabase, migrate

_log = logging.getLogger(__name__)

_RETRY_S = 1.0
_FORGET_EVERY_S = 3600.0
_EMPTYING_S = 8.0  # after `stop`
_STOP_TIMEOUT_S = 10.0
_UNFINISHED_S = 60.0  # a journal without a name after so long has lost its writer
COPY = f"COPY predictions ({', '.join(FIELDS)}) FROM STDIN"
_REASON_CHARACTERS = 300
_SPELLING_CHARACTERS = 200  # of a text in the table


class Collector(threading.Thread):
    """Collects the journals of `spool` until `stop`, whatever happens to Postgres.

    `revive` is called when Postgres does not answer.
    """

    def __init__(
        self,
        database: Database,
        spool: Path,
        *,
        poll_s: float,
        retention_days: int,
        install_time: str = "installed_at",
        revive: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name="collector", daemon=True)
        self.problem = "has not reached the database yet"  # "" when the last round went well
        self.tally = Tally(spool)
        self._database, self._spool, self._poll_s = database, spool, poll_s
        self._retention_days, self._revive = retention_days, revive
        self._identity = f"{socket.gethostname()}:{spool.resolve()}"
        self._seen: dict[str, tuple[int, bytes]] = {}  # size and header of what is stored
        self._columns = ColumnCounter(without=install_time)
        self._prepared, self._forgot_at = False, 0.0
        self._stopping, self._until = threading.Event(), math.inf

    def run(self) -> None:
        while not self._stopping.is_set():
            moved = self._round()
            self._stopping.wait(_RETRY_S if self.problem else 0 if moved else self._poll_s)
        while self._round():  # the spool may be gone with this machine
            pass

    def stop(self) -> None:
        """Ends when the spool is empty or some seconds are over, whatever Postgres does."""
        self._until = time.monotonic() + _EMPTYING_S
        self._stopping.set()
        self.join(_STOP_TIMEOUT_S)

    def _round(self) -> int:
        """The bytes that were moved; `problem` says what went wrong."""
        moved, problem = 0, ""
        try:
            moved = self.collect()
        except psycopg2.OperationalError as error:
            problem = _first_line(error)
            try:
                self._revive()
            except OSError as failure:
                _log.error("%s", failure)
        except (psycopg2.Error, OSError, NewerDatabase) as error:
            problem = _first_line(error)
        if problem and problem != self.problem:
            _log.error("Collecting the prediction log: %s", problem)
        self.problem = problem
        return moved

    def collect(self) -> int:
        """Move the next lines of every journal; returns how many bytes were moved.

        Raises `psycopg2.Error` when Postgres is away or refuses a journal, `OSError` when one
        cannot be read; then the others were moved nevertheless.
        """
        if not self._prepared:
            self._prepare()
        if time.monotonic() - self._forgot_at > _FORGET_EVERY_S or not self._forgot_at:
            self._forget()
        moved, failed = 0, None
        for path in sorted(self._spool.glob(f"*{SUFFIX}")):
            if time.monotonic() > self._until:
                break
            try:
                moved += self._collect(path)
            except FileNotFoundError:
                continue  # another collector was quicker
            except (OSError, psycopg2.DataError, psycopg2.IntegrityError) as error:
                failed = error
        if failed:
            raise failed
        return moved

    def _prepare(self) -> None:
        migrate(self._database)
        states = {
            str(row.pop("name")): FileState(**row)
            for row in self._database.rows("files", spool=self._identity)
        }
        self.tally.update(states)
        self._prepared = True

    def _forget(self) -> None:
        try:
            with self._database.transaction() as connection:
                (days,) = execute(connection, "forget", days=self._retention_days)
            if days:
                _log.info("Dropped %d days of predictions: older than the retention.", days)
        except psycopg2.errors.LockNotAvailable:
            _log.warning("Somebody reads the log: what is older than the retention stays.")
        for path in self._spool.glob(f"*{NEW_SUFFIX}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _UNFINISHED_S:
                    path.unlink()
        self._forgot_at = time.monotonic()

    def _collect(self, path: Path) -> int:
        with path.open("rb") as file:
            complete = _is_complete(file)  # asked before reading: nothing is added after
            size, first = os.fstat(file.fileno()).st_size, file.readline(HEADER_BYTES)
            if not complete and self._seen.get(path.name) == (size, first):
                return 0
            with self._database.transaction() as connection:
                move = _Move(connection, path.name, self._identity, self._columns)
                state = move.next_lines(file, first, size, complete)
        self.tally.update({path.name: state})
        self._seen[path.name] = (state.read_to, first)
        if complete and state.read_to >= size:
            path.unlink(missing_ok=True)
            del self._seen[path.name]
        return move.bytes


def _is_complete(file: io.BufferedReader) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Move:
    """One transaction: the next lines of a journal go to Postgres."""

    def __init__(
        self, connection: Connection, name: str, spool: str, columns: ColumnCounter
    ) -> None:
        self.bytes = 0
        self._connection, self._name, self._columns = connection, name, columns
        self._before = FileState(*execute(connection, "lock_file", name=name, spool=spool))
        self._stored: list[Lines] = []
        self._quarantined = 0
        self._days: set[date] = set()  # whose partitions are there, and locked

    def next_lines(
        self, file: io.BufferedReader, first: bytes, size: int, complete: bool
    ) -> FileState:
        """Store the lines that follow what is stored already, up to some megabytes."""
        try:
            header = Header.parse(first)
        except ValueError as error:
            start = self._before.read_to
            block = read_lines(file, start, size, complete)
            if block:
                lines = block.count(b"\n") + (not block.endswith(b"\n"))
                self._quarantine(block, start, str(error), lines)
            return self._advance(start + len(block), 0, len(block))
        start = position = max(self._before.read_to, len(first))
        for piece in pieces(file, start, size, complete, header):
            self._store(piece, header)
            position = piece.position + len(piece.block)
        if self._stored:
            self._add_up(header)
        if (dropped := header.dropped - self._before.dropped) > 0:
            counts = json.dumps(count_dropped(dropped, header.provenance.model_version))
            execute(self._connection, "count", counts=counts)
        return self._advance(position, header.dropped, position - start)

    def _add_up(self, header: Header) -> None:
        """Add what is stored to the counts."""
        known = [each.spellings.items() for each in self._stored]
        spellings = {text[:_SPELLING_CHARACTERS]: name for each in known for text, name in each}
        execute(
            self._connection,
            "learn_segments",
            model_version=header.provenance.model_version,
            columns=list(header.segments),
            texts=list(spellings),
            categories=list(spellings.values()),
        )
        rows = pa.concat_tables(lines.rows for lines in self._stored)
        counts = json.dumps(count(rows, header.segments))
        execute(self._connection, "count", counts=counts)
        for alike in joined(self._stored):
            columns = json.dumps(self._columns.count(*alike))
            execute(self._connection, "count_columns", counts=columns)

    def _store(self, piece: Piece, header: Header) -> None:
        """Store some lines; if they are refused, each half; a refused line is set aside."""
        try:
            if isinstance(piece.lines, ValueError):
                raise piece.lines
            with self._connection.cursor() as cursor:
                cursor.execute("SAVEPOINT block")
            self._copy(piece.block, piece.lines.rows)
        except (ValueError, psycopg2.DataError, psycopg2.IntegrityError) as error:
            if isinstance(error, psycopg2.Error):
                with self._connection.cursor() as cursor:
                    cursor.execute("ROLLBACK TO SAVEPOINT block")
            if halves := piece.halves(header):
                for half in halves:
                    self._store(half, header)
            else:
                self._quarantine(piece.block, piece.position, _first_line(error), 1)
        else:
            self._stored.append(piece.lines)

    def _copy(self, block: bytes, rows: pa.Table) -> None:
        days = set(pc.unique(rows["predicted_at"].cast(pa.date32())).to_pylist())
        if days - self._days:
            execute(self._connection, "create_partitions", days=list(days - self._days))
        with self._connection.cursor() as cursor:
            cursor.copy_expert(COPY, io.BytesIO(block))
        self._days |= days

    def _quarantine(self, content: bytes, position: int, reason: str, lines: int) -> None:
        _log.warning("Prediction log %s, byte %d: %s; quarantined.", self._name, position, reason)
        execute(
            self._connection,
            "quarantine",
            name=self._name,
            read_from=position,
            reason=reason,
            content=psycopg2.Binary(content),
        )
        self._quarantined += lines

    def _advance(self, read_to: int, dropped: int, moved: int) -> FileState:
        state = FileState(
            read_to=max(read_to, self._before.read_to),
            dropped=max(dropped, self._before.dropped),
            stored=self._before.stored + sum(len(lines.rows) for lines in self._stored),
            quarantined=self._before.quarantined + self._quarantined,
        )
        if state != self._before:
            values = dict(vars(state))
            execute(self._connection, "advance_file", name=self._name, **values)
        self.bytes = moved
        return state


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_REASON_CHARACTERS]
