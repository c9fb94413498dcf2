"""The one rule for what a category is: encoders, counts, segments and the log follow it."""

from __future__ import annotations

from typing import Any

MISSING = "(missing)"  # how the category "" is called where rows are counted


def category_of(value: Any) -> str:
    """The category of a value: its text without outer spaces and without regard to case.

    A missing value, or one that is no text, has the category "". So has the text "None":
    MLflow's format `instances` makes it of a null.

    >>> category_of(" iOS "), category_of(None), category_of(float("nan")), category_of("None")
    ('ios', '', '', '')
    """
    category = value.strip().casefold() if isinstance(value, str) else ""
    return "" if category == "none" else category
