"""A segment booked in another unit is found; a rich one is left in peace."""

from __future__ import annotations

import numpy as np
import pytest

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.inputs import Inputs
from revenue_model.model.schema import Column, Schema
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.tariff_fit import Installs
from revenue_model.training.unit_outliers import UnitOutlier, find_unit_outliers
from tests.training.test_tariff_fit import Market


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def outliers(market: Market, revenue: Array, *rows: Rows) -> list[UnitOutlier]:
    """Those of the market's segments, or of columns given as `rows`."""
    chosen = list(rows) or market.rows
    names = [f"column {i}" for i in range(len(chosen))]
    vocabularies = [Vocabulary.of(name, ["a", "b", "c"]) for name in names]
    inputs = Inputs(chosen, market.events, np.empty((len(revenue), 0)))
    schema = Schema(tuple(Column(name, "categorical", segment=True) for name in names))
    return find_unit_outliers(Installs(vocabularies, inputs, revenue), schema)


def test_another_unit_is_found(market: Market, caplog: pytest.LogCaptureFixture) -> None:
    faulty = market.rows[0] == 2
    revenue = np.where(faulty, 4000 * market.revenue, market.revenue)
    [outlier] = outliers(market, revenue)
    assert (outlier.column, outlier.category) == (0, 2)
    assert outlier.factor == pytest.approx(4000 * 8 / 1.375, rel=0.3)
    assert "column 0 'c' brings" in caplog.text


def test_rich_segments_are_no_outliers(market: Market) -> None:
    assert outliers(market, market.revenue) == []


def test_a_majority_is_no_outlier_beside_installs_that_bring_little(market: Market) -> None:
    poor = np.arange(len(market.revenue)) % 10 == 0
    web_or_ios = np.where(poor, 0, 1)
    revenue = np.where(poor, 1e-4 * market.revenue, market.revenue)
    assert outliers(market, revenue, web_or_ios) == []
