"""Categories become rows of a lookup table, whatever their spelling and however many."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revenue_model.model.vocabulary import Vocabulary

DEVICES = ["Samsung Galaxy A12", "Samsung Galaxy S9", "Apple iPhone", None, "14.4"]
word = st.text(string.ascii_letters + " ._-", max_size=12)


@pytest.fixture
def device() -> Vocabulary:
    return Vocabulary.of("device", DEVICES)


def test_the_spelling_of_a_category_does_not_matter(device: Vocabulary) -> None:
    assert device.row(" samsung GALAXY a12 ") == device.row("Samsung Galaxy A12")


def test_an_unseen_category_has_the_row_of_its_stem(device: Vocabulary) -> None:
    rows = {device.row(name) for name in ("Samsung Galaxy Z", "samsung fold", "SAMSUNG-1")}
    assert len(rows) == 1
    assert rows.isdisjoint({device.row(name) for name in DEVICES})
    assert device.row("14.5") == device.row("14") != device.row("14.4")


def test_a_stem_that_is_a_category_too_has_a_row_beside_it() -> None:
    device = Vocabulary.of("device", ["samsung", "samsung galaxy a1", "samsung galaxy a2", "-x"])
    assert device.row("Samsung") == device.categories.index("samsung")
    of_stem = len(device.categories) + device.stems.index("samsung")
    assert device.row("samsung galaxy a99") == of_stem
    assert device.row("-y") == device.row(None) == len(device) - 1


def test_an_unknown_stem_is_the_last_row(device: Vocabulary) -> None:
    assert device.row("nokia") == len(device) - 1


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  ", "None", np.nan])
def test_what_is_missing_is_one_category(device: Vocabulary, missing: object) -> None:
    assert device.row(missing) == device.categories.index("")
    assert Vocabulary.of("device", ["a", "b"], default="B").row(missing) == 1


def test_missing_never_seen_is_unknown() -> None:
    assert Vocabulary.of("device", ["a"]).row(None) == 2


@given(st.lists(word, min_size=1, max_size=30), st.lists(word | st.none(), max_size=300))
def test_many_values_have_the_rows_of_each(seen: list[str], asked: list[str | None]) -> None:
    vocabulary = Vocabulary.of("any", seen)
    few = [vocabulary.row(value) for value in asked]
    assert vocabulary.rows(asked).tolist() == few
    assert vocabulary.rows((asked * 300)[:300]).tolist() == (few * 300)[:300]
    assert all(0 <= row < len(vocabulary) for row in few)
    for value in seen:
        assert vocabulary.row(value.upper()) == vocabulary.row(f" {value}")
        assert vocabulary.row(value) < len(vocabulary.categories)
