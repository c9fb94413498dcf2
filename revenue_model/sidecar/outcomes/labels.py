"""What users really brought: labels from a file, checked line by line, and recorded.

A bad line does not lose the good ones; it comes back with its number and the reason.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from revenue_model.sidecar.store.database import QUERIES, Database

MAX_BYTES = 64 << 20  # of an upload
_MAX_USER_ID_BYTES = 1000  # Postgres's index takes no long ones
_MAX_REVENUE = 1e9  # USD; no user brings more, and sums stay finite
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|[+-]?inf(inity)?", re.I)
_REQUIRED = ("user_id", "revenue")
_MAX_PROBLEMS = 1000  # that are named; all are counted


class UnreadableOutcomes(ValueError):
    """The upload as a whole is no table of outcomes; the message says what was expected."""


class OutcomeProblem(BaseModel):
    """A line that was not taken."""

    line: int = Field(description="of the CSV file, its header is 1; or of the JSON list, from 1")
    user_id: str | None
    reason: str


class OutcomesAnswer(BaseModel):
    """received = accepted + rejected; accepted = added + corrected + unchanged
    = counted + waiting + unknown.
    """

    received: int = Field(description="lines, without the header and empty ones")
    accepted: int
    rejected: int
    added: int = Field(description="users without a label until now")
    corrected: int = Field(description="labels replaced; the old ones are in outcome_history")
    unchanged: int
    counted: int = Field(description="of users whose 7 days are over")
    waiting: int = Field(description="their 7 days are not over, or were not when measured")
    unknown: int = Field(description="kept, but no prediction is logged for these users")
    matured_share: float | None = Field(
        description="of the known users, whose 7 days are over; null without any"
    )
    problems: list[OutcomeProblem] = Field(
        description=f"the rejected lines, at most {_MAX_PROBLEMS:,} of them"
    )


class Outcome(NamedTuple):
    """The label of one user."""

    user_id: str
    revenue: float  # USD in the first 7 days
    measured_at: datetime | None


class Outcomes:
    """An upload, checked line by line; `rows` are its lines with their numbers.

    Of two different labels of a user neither is taken; the same again is left out.
    """

    def __init__(self, rows: Iterable[tuple[int, object]]) -> None:
        self.rejected = 0
        self.problems: list[OutcomeProblem] = []
        self._taken: dict[str, tuple[int, Outcome]] = {}
        self._twice: dict[str, int] = {}  # users with two labels, and the first line
        for line, row in rows:
            try:
                self._take(line, _outcome(row))
            except _Refused as reason:
                user_id = row.get("user_id") if isinstance(row, dict) else None
                self._refuse(line, user_id, str(reason))
        self.problems.sort(key=lambda problem: problem.line)

    @property
    def good(self) -> list[Outcome]:
        return [outcome for _, outcome in self._taken.values()]

    def _take(self, line: int, outcome: Outcome) -> None:
        user_id = outcome.user_id
        if user_id in self._twice:
            first = self._twice[user_id]
            raise _Refused(f"another label of this user, first in line {first}")
        first, other = self._taken.setdefault(user_id, (line, outcome))
        if first == line:
            return
        if other == outcome:
            raise _Refused(f"the same label as in line {first}, which is taken")
        del self._taken[user_id]
        self._twice[user_id] = first
        reason = "another label of this user in line {}; neither is taken"
        self._refuse(first, user_id, reason.format(line))
        raise _Refused(reason.format(first))

    def _refuse(self, line: int, user_id: object, reason: str) -> None:
        """Only the first are named, or a wrong file would take up the memory."""
        self.rejected += 1
        if self.rejected <= _MAX_PROBLEMS:
            name = user_id if isinstance(user_id, str) else None
            shown = name and name[:200].encode(errors="replace").decode()
            self.problems.append(OutcomeProblem(line=line, user_id=shown, reason=reason))


class _Refused(ValueError):
    """Why a line is not taken."""


def read_json(body: bytes) -> Outcomes:
    """Read a JSON list of objects; raises `UnreadableOutcomes`."""
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableOutcomes(f"The body is no JSON: {error}.") from None
    if not isinstance(rows, list):
        raise UnreadableOutcomes('Expected a JSON list as [{"user_id": "u-1", "revenue": 1.5}].')
    return Outcomes(enumerate(rows, 1))


def read_csv(body: bytes) -> Outcomes:
    """Read CSV in UTF-8 with a header; each line is a record. Raises `UnreadableOutcomes`."""
    lines = body.removeprefix(b"\xef\xbb\xbf").splitlines()
    try:
        header = [name.strip() for name in _record(lines[0] if lines else b"")]
    except _Refused:
        header = []
    if missing := [name for name in _REQUIRED if name not in header]:
        found = ", ".join(header) or "none"
        raise UnreadableOutcomes(
            f"Line 1: expected CSV in UTF-8 with the columns user_id, revenue and, if known, "
            f"time; {' and '.join(missing)} missing, found {found[:200]}."
        )
    filled = ((number, line) for number, line in enumerate(lines[1:], 2) if line.strip())
    return Outcomes((number, _row(line, header)) for number, line in filled)


def _row(line: bytes, header: list[str]) -> object:
    try:
        fields = _record(line)
    except _Refused as reason:
        return reason
    if len(fields) != len(header):
        return _Refused(f"{len(fields)} fields, expected {len(header)}")
    return dict(zip(header, fields, strict=True))


def _record(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode()], strict=True), [])
    except UnicodeDecodeError as error:
        raise _Refused(f"not UTF-8 at byte {error.start + 1} of the line") from None
    except csv.Error as error:
        raise _Refused(f"no CSV: {error}") from None


def _outcome(row: object) -> Outcome:
    if isinstance(row, _Refused):
        raise row
    if not isinstance(row, dict):
        raise _Refused("expected an object with user_id and revenue")
    return Outcome(
        _user_id(row.get("user_id")), _revenue(row.get("revenue")), _moment(row.get("time"))
    )


def _user_id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Refused(f"user_id: expected a text, got {_shown(value)}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise _Refused("user_id: no valid Unicode") from None
    if "\x00" in value or size > _MAX_USER_ID_BYTES:
        raise _Refused(f"user_id: holds a NUL or more than {_MAX_USER_ID_BYTES} bytes")
    return value


def _revenue(value: Any) -> float:
    text = value.strip() if isinstance(value, str) else value
    is_number = isinstance(text, str) and _NUMBER.fullmatch(text)
    if not is_number and (isinstance(text, bool) or not isinstance(text, int | float)):
        raise _Refused(f"revenue: expected a number, got {_shown(value)}")
    try:
        revenue = float(text)
    except OverflowError:
        revenue = math.inf
    if not math.isfinite(revenue):
        raise _Refused(f"revenue: expected a finite number, got {_shown(value)}")
    if not 0 <= revenue <= _MAX_REVENUE:
        expected = "0 or more" if revenue < 0 else f"at most {_MAX_REVENUE:g} USD"
        raise _Refused(f"revenue: expected {expected}, got {_shown(value)}")
    return abs(revenue)  # no -0.0


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _Refused(f"time: expected ISO 8601, got {_shown(value)}") from None


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return repr(value)[:100].encode(errors="replace").decode()


def record(database: Database, outcomes: Outcomes, refresh: Callable[[], None]) -> OutcomesAnswer:
    """Store the good ones, all or none; `refresh` brings the figures up to date.

    Raises `psycopg2.Error` when Postgres refuses or is away; to send the file again is safe.
    """
    good = outcomes.good
    parameters = {
        "user_ids": [outcome.user_id for outcome in good],
        "revenues": [outcome.revenue for outcome in good],
        "times": [outcome.measured_at for outcome in good],
    }
    with database.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(QUERIES["record_outcomes"], parameters)
        [(added, corrected)] = cursor.fetchall()
    refresh()
    [users] = database.rows("known_outcomes", user_ids=parameters["user_ids"])
    accepted, known = len(good), users["known"]
    return OutcomesAnswer(
        received=accepted + outcomes.rejected,
        accepted=accepted,
        rejected=outcomes.rejected,
        added=added,
        corrected=corrected,
        unchanged=accepted - added - corrected,
        counted=users["counted"],
        waiting=known - users["counted"],
        unknown=accepted - known,
        matured_share=users["matured"] / known if known else None,
        problems=outcomes.problems,
    )
