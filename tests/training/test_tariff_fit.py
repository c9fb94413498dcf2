"""The tariff finds rates, relativities and the events' weights that made the revenue."""

from __future__ import annotations

import numpy as np
import pytest

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.inputs import Inputs
from revenue_model.model.tariff import Tariff
from revenue_model.model.vocabulary import Vocabulary
from revenue_model.training.tariff_fit import Installs, TariffSpec, Term, fit_tariff

COUNTRIES, PLATFORMS = ("ar", "br", "us"), ("android", "ios")
RATES, FACTORS = np.array([1.0, 2.0, 8.0]), np.array([1.0, 1.5])


class Market:
    """Revenue without noise: rate of the country x factor of the platform x exposure."""

    def __init__(self, installs: int = 4000) -> None:
        rng = np.random.default_rng(0)
        self.rows: list[Rows] = [
            rng.choice(3, installs, p=[0.5, 0.3, 0.2]).astype(np.int32),
            rng.choice(2, installs).astype(np.int32),
        ]
        self.events = np.column_stack(
            [
                rng.poisson(20, installs) * rng.binomial(1, 0.6, installs),
                rng.poisson(4, installs),
            ]
        ).astype(float)
        self.rate = RATES[self.rows[0]] * FACTORS[self.rows[1]]
        self.revenue = 0.01 * self.rate * (self.events @ [1.0, 0.5])
        self.vocabularies = [Vocabulary.of("country", COUNTRIES), Vocabulary.of("p", PLATFORMS)]

    def tariff(self, revenue: Array, events: Array, *terms: Term, shrinkage: float = 1.0) -> Tariff:
        inputs = Inputs(self.rows, events, np.empty((len(events), 0)))
        spec = TariffSpec(terms or ((1,), (0,)), shrinkage)
        return fit_tariff(Installs(self.vocabularies, inputs, revenue), spec)


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def expected(tariff: Tariff, rows: list[Rows], events: Array) -> Array:
    return np.exp(tariff.log_rate(rows) + tariff.log_exposure(events))


def test_rates_and_events_are_found(market: Market) -> None:
    tariff = market.tariff(market.revenue, market.events)
    np.testing.assert_allclose(tariff.weights[1] / tariff.weights[0], 0.5, rtol=0.02)
    paid = market.revenue > 0
    found = expected(tariff, market.rows, market.events)
    np.testing.assert_allclose(found[paid], market.revenue[paid], rtol=0.02)
    assert found[~paid].max(initial=0.0) < 1e-5


def test_a_pair_has_rates_of_its_own(market: Market) -> None:
    factor = np.array([[1.0, 0.5], [1.0, 2.0], [1.5, 1.0]])[market.rows[0], market.rows[1]]
    revenue = market.revenue * factor
    tariff = market.tariff(revenue, market.events, (0,), (1,), (0, 1))
    paid = revenue > 0
    found = expected(tariff, market.rows, market.events)
    np.testing.assert_allclose(found[paid], revenue[paid], rtol=0.02)
    unknown = [np.array([len(vocabulary) - 1]) for vocabulary in market.vocabularies]
    assert tariff.interactions[0].log_rate(unknown) == 0


def test_a_missing_event_counts_as_what_it_was_on_average(market: Market) -> None:
    events = market.events.copy()
    lost = np.random.default_rng(1).random(len(events)) < 0.2
    events[lost, 1] = np.nan
    tariff = market.tariff(market.revenue, events)
    np.testing.assert_allclose(tariff.when_missing[1] / tariff.weights[1], 4.0, rtol=0.1)


def test_a_category_of_few_installs_is_close_to_the_typical_rate() -> None:
    market = Market()
    rare = market.rows
    rare[0][rare[0] == 2] = 0
    rare[0][0] = 2
    revenue = 0.01 * (market.events @ [1.0, 0.5]) * FACTORS[rare[1]]
    revenue *= np.random.default_rng(2).gamma(4, 0.25, len(revenue))
    revenue[0] *= 5
    fitted = market.tariff(revenue, market.events, shrinkage=10.0)
    assert 0 <= fitted.relativities[0][2] < np.log(2)


def test_without_events_the_exposure_is_the_same_for_all(market: Market) -> None:
    none = np.empty((len(market.revenue), 0))
    tariff = market.tariff(market.rate, none)
    assert np.ptp(tariff.log_exposure(none)) == 0
    np.testing.assert_allclose(expected(tariff, market.rows, none), market.rate, rtol=0.02)


def test_payer_rates_are_those_of_the_payers_whatever_they_bring(market: Market) -> None:
    rng = np.random.default_rng(3)
    pays = rng.random(len(market.revenue)) < np.array([0.1, 0.2, 0.4])[market.rows[0]]
    amount = rng.lognormal(0, 2, len(pays))
    found = market.tariff(np.where(pays, amount, 0.0), market.events).payer_rates
    shares = [pays[market.rows[0] == country].mean() for country in range(3)]
    np.testing.assert_allclose(found[0][:3], np.log(shares / pays.mean()), atol=0.05)
    np.testing.assert_allclose(found[1], 0, atol=0.05)
    assert found[0][len(COUNTRIES)] == 0  # the row of what is unknown
