"""Moments in UTC, and the hours and days that they are in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_FIRST = datetime.min.replace(tzinfo=UTC)


def utc(moment: datetime) -> datetime:
    """In UTC, which it is taken for where it names no zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def floor(moment: datetime, unit: timedelta) -> datetime:
    """The start of the hour or day that `moment` is in."""
    return moment - (moment - _FIRST) % unit


def ceiling(moment: datetime, unit: timedelta) -> datetime:
    """The end of it, or `moment` itself at a start. Raises `OverflowError` after year 9999."""
    return _FIRST - (_FIRST - moment) // unit * unit
