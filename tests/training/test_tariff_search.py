"""The tariff has the columns and pairs that rates differ by, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from revenue_model.model.arrays import Rows
from revenue_model.model.inputs import Inputs
from revenue_model.model.schema import Column, Schema
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training import tariff_search
from revenue_model.training.tariff_fit import Installs, Term
from revenue_model.training.tariff_search import one_standard_error_rule, search_tariff

INSTALLS = 3000
COUNTRIES = ("ar", "br", "us")
COLOURS = tuple(f"colour {i}" for i in range(40))
SCHEMA = Schema(
    (
        Column("country", "categorical"),
        Column("colour", "categorical"),
        Column("ads", "event"),
        Column("ltv", "target"),
    )
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("rates_differ_by", "terms"),
    [
        ("country", ((0,),)),
        ("country, colour", ((0,), (1,))),
        ("country, colour in each", ((0,), (1,), (0, 1))),
    ],
)
def test_what_has_no_say_is_left_to_the_trees(
    seed: int, rates_differ_by: str, terms: tuple[Term, ...]
) -> None:
    rng = np.random.default_rng(seed)
    country: Rows = rng.choice(3, INSTALLS).astype(np.int32)
    colour: Rows = rng.choice(len(COLOURS), INSTALLS).astype(np.int32)
    ads = rng.poisson(10, INSTALLS).astype(float)
    revenue = ads * np.array([1.0, 2.0, 8.0])[country] * rng.gamma(4, 0.25, INSTALLS)
    if "colour" in rates_differ_by:
        revenue *= rng.gamma(10, 0.1, len(COLOURS))[colour]
    if "each" in rates_differ_by:
        revenue *= rng.gamma(10, 0.1, (len(COUNTRIES), len(COLOURS)))[country, colour]
    vocabularies = [Vocabulary.of("country", COUNTRIES), Vocabulary.of("colour", COLOURS)]
    inputs = Inputs([country, colour], ads[:, None], np.empty((INSTALLS, 0)))
    folds = rng.integers(0, 9, INSTALLS).astype(np.int16)
    spec = search_tariff(Installs(vocabularies, inputs, revenue), SCHEMA, folds)
    assert spec.terms == terms


def test_of_many_pairs_the_one_with_a_say_is_found() -> None:
    rng = np.random.default_rng(0)
    names = [f"column {i}" for i in range(7)]
    rows: list[Rows] = [rng.choice(3, INSTALLS).astype(np.int32) for _ in names]
    rates = np.array([1.0, 2.0, 4.0])
    rate = np.prod([rates[row] for row in rows], axis=0)
    rate[(rows[5] == 1) & (rows[6] == 1)] *= 3
    inputs = Inputs(rows, np.empty((INSTALLS, 0)), np.empty((INSTALLS, 0)))
    vocabularies = [Vocabulary.of(name, COUNTRIES) for name in names]
    schema = Schema((*(Column(name, "categorical") for name in names), Column("ltv", "target")))
    installs = Installs(vocabularies, inputs, rate * rng.gamma(4, 0.25, INSTALLS))
    spec = search_tariff(installs, schema, rng.integers(0, 9, INSTALLS).astype(np.int16))
    assert [term for term in spec.terms if len(term) == 2] == [(5, 6)]


def test_payers_who_are_alike_are_dealt_out() -> None:
    """Those of one country, whose installs are in folds that are one of the search's three."""
    rng = np.random.default_rng(0)
    country: Rows = rng.choice(3, INSTALLS).astype(np.int32)
    folds = np.where(country == 1, 3 * rng.integers(0, 3, INSTALLS), rng.integers(0, 9, INSTALLS))
    revenue = np.where(country == 1, rng.gamma(4, 0.25, INSTALLS), 0.0)
    inputs = Inputs([country], np.empty((INSTALLS, 0)), np.empty((INSTALLS, 0)))
    installs = Installs([Vocabulary.of("country", COUNTRIES)], inputs, revenue)
    assert search_tariff(installs, SCHEMA, folds.astype(np.int16)).terms == ((0,),)


def test_payers_outside_the_sample_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search among many installs looks at every so many-th, who all bring nothing here."""
    monkeypatch.setattr(tariff_search, "_ENOUGH_ROWS", 3_000)
    installs = 9_000
    country = np.arange(installs, dtype=np.int32) % np.int32(2)
    revenue = np.where(np.arange(installs) % 90 == 1, 1.0, 0.0)
    inputs = Inputs([country], np.empty((installs, 0)), np.empty((installs, 0)))
    table = Installs([Vocabulary.of("country", COUNTRIES[:2])], inputs, revenue)
    folds = np.random.default_rng(0).integers(0, 5, installs).astype(np.int16)
    assert search_tariff(table, SCHEMA, folds).terms == ((0,),)


def test_the_simplest_of_those_as_good_as_the_best_is_taken() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 1000)
    best = np.abs(noise)
    assert one_standard_error_rule([best + 1, best + 0.01 * noise + 0.0001, best]) == 1
    assert one_standard_error_rule([best, best]) == 0
    assert one_standard_error_rule([best + 1, best]) == 1
