"""The journals of the prediction log: what a file of predicted rows looks like.

A process that predicts writes journals of its own. The first line of a journal is a JSON
header, every further line one predicted row in the text format of Postgres's COPY, with the
fields of `FIELDS`. Its writer holds a lock on it; a journal that nobody locks is complete.
See docs/prediction-log.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

FORMAT = 1
SHADOW_FORMAT = 2  # as 1, with the status shadow: who only knows 1 must not count such rows
SUFFIX = ".log"
NEW_SUFFIX = ".new"  # until the header is written
OUTPUTS = ("predicted_revenue", "revenue_low", "revenue_high", "payer_probability")
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
    *OUTPUTS,  # USD, the last a share; all but the first null where not asked for
    "error",  # why the row has no prediction, else null
    "inputs",  # JSON object of the columns that the header names
)
DROPPED_AT = len('{"dropped":"')  # where the header's counter stands
_DROPPED_DIGITS = 15
_NO_HEADER = (LookupError, TypeError, UnicodeError, json.JSONDecodeError, RecursionError)


@dataclass(frozen=True)
class Provenance:
    """Which registered model made a prediction."""

    model_name: str
    model_version: str
    model_id: str


@dataclass(frozen=True)
class LoggedColumns:
    """Which columns of a request are logged, and as what."""

    inputs: tuple[str, ...]  # those in the field `inputs`
    id: str | None  # the one in the field `user_id`
    segments: tuple[str, ...]  # the inputs by which predictions are counted


@dataclass(frozen=True)
class Header:
    """The first line of a journal."""

    dropped: int  # rows that the journal's writer could not write
    host: str
    pid: int
    provenance: Provenance
    columns: tuple[str, ...]  # what `inputs` may hold
    segments: tuple[str, ...]  # the columns by which predictions are counted
    format: int = FORMAT

    def to_line(self) -> bytes:
        rest = {
            "format": self.format,
            "host": self.host,
            "pid": self.pid,
            "origin": asdict(self.provenance),
            "columns": self.columns,
            "segments": self.segments,
        }
        text = json.dumps(rest)
        return b'{"dropped":"%b", %b\n' % (dropped_digits(self.dropped), text[1:].encode())

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
                provenance=Provenance(**fields["origin"]),
                columns=tuple(map(str, fields["columns"])),
                segments=tuple(map(str, fields["segments"])),
                format=fields["format"],
            )
        except _NO_HEADER as error:
            raise ValueError(f"no header of a journal ({type(error).__name__})") from None


def dropped_digits(rows: int) -> bytes:
    """The header's counter, always as long, so that it can be overwritten in place."""
    return b"%0*d" % (_DROPPED_DIGITS, rows)
