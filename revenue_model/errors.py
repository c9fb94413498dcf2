"""Errors that a person can mend: each message says what is wrong, where, and what to do."""

from __future__ import annotations


class TableError(ValueError):
    """A table does not fit its schema; the message names file, column and first row."""


class CommandError(Exception):
    """The command cannot be done as asked; the message says why and what to do."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, short enough for a message."""
    text = str(getattr(error, "strerror", None) or error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:300]
