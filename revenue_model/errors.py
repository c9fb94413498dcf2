"""Errors that a person can mend: each message says what is wrong, where, and what to do."""

from __future__ import annotations


class TableError(ValueError):
    """A table does not fit its schema; the message names file, column and first row."""


class CommandError(Exception):
    """The command cannot be done as asked; the message says why and what to do."""
