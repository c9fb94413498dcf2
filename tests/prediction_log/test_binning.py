"""What is counted of the prediction log is told apart as the model does it."""

from __future__ import annotations

import pytest

from revenue_model.prediction_log.binning import category, merge_categories
from revenue_model.prediction_log.category import MISSING, category_of


@pytest.mark.parametrize("text", [" iOS ", "na", "", "  ", None, "None", "none", "nonesuch"])
def test_what_the_model_takes_as_missing_is_counted_as_missing(text: str | None) -> None:
    assert category(text) == (category_of(text) or MISSING)


def test_a_null_is_counted_alike_whichever_format_brought_it() -> None:
    assert merge_categories(["us", None, "None"], [7, 2, 1]) == {"us": 7, MISSING: 3}
