from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import evaluate, total_bias
from revenue_model.evaluation.segment_bias import segment_bias
from revenue_model.model.schema import Schema


def test_the_dominating_segment_is_found_by_name(schema: Schema, installs: pd.DataFrame) -> None:
    real = installs["revenue"].to_numpy()
    found = Forecast(real, real, installs[list(schema.segments)]).dominating
    assert found is not None
    assert (found.column, found.value) == ("country", "pe")
    in_pe = installs["country"] == "pe"
    assert found.revenue_share == pytest.approx(real[in_pe].sum() / real.sum())
    assert found.install_share == pytest.approx(in_pe.mean())


def test_a_large_half_does_not_dominate() -> None:
    platform = pd.DataFrame({"platform": ["ios"] * 60 + ["android"] * 40})
    for real in (np.repeat([1.0, 0.5], [60, 40]), np.zeros(100)):
        assert Forecast(real, real, platform).dominating is None


def test_each_measure_comes_again_without_the_dominating_segment() -> None:
    rng = np.random.default_rng(3)
    real = rng.gamma(0.5, 2, 400)
    predicted = real * rng.gamma(5, 0.2, 400)
    real[:10] *= 1e5
    segments = pd.DataFrame({"country": ["PE", "pe"] * 5 + [None, "es"] * 195})
    measures = evaluate(Forecast(real, predicted, segments))
    rest = evaluate(Forecast(real[10:], predicted[10:]))
    assert {name: measures[f"{name}_rest"] for name in rest} == rest
    assert measures["dominating_install_share"] == pytest.approx(10 / 400)
    assert measures["dominating_revenue_share"] > 0.99


def test_bias_by_segment_by_hand() -> None:
    segments = pd.DataFrame({"platform": ["iOS", "ios", "Android", None]})
    real, predicted = np.array([1.0, 3.0, 2.0, 0.0]), np.array([2.0, 4.0, 1.0, 5.0])
    table = segment_bias(Forecast(real, predicted, segments), seed=1).set_index("value")
    assert table.loc["ios", ["installs", "revenue", "predicted", "bias"]].tolist() == [
        2,
        4.0,
        6.0,
        1.5,
    ]
    assert table.loc["android", "bias"] == 0.5
    assert table.loc["(missing)", ["bias", "low", "high"]].isna().all()


def test_a_rich_segment_is_shown_even_if_it_is_small() -> None:
    country = [f"c{i % 30}" for i in range(300)] + ["pe"]
    real = np.append(np.ones(300), 100.0)
    shown = segment_bias(Forecast(real, real, pd.DataFrame({"country": country})), seed=1)
    assert len(shown) == 11
    assert "pe" in set(shown["value"])


def test_the_interval_is_scipys_bootstrap() -> None:
    rng = np.random.default_rng(8)
    real = rng.lognormal(0, 1, 600) * (rng.random(600) < 0.6)
    predicted = rng.lognormal(0, 0.5, 600)
    ours = segment_bias(
        Forecast(real, predicted, pd.DataFrame({"all": ["x"] * 600})), seed=1, draws=4000
    )
    other = stats.bootstrap(
        (real, predicted),
        lambda y, p, axis: p.sum(axis) / y.sum(axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert ours["bias"][0] == pytest.approx(total_bias(real, predicted))
    assert ours["low"][0] == pytest.approx(other.low, rel=0.02)
    assert ours["high"][0] == pytest.approx(other.high, rel=0.02)


def test_a_large_segment_has_the_interval_of_theory() -> None:
    """Above 4,000 installs groups are resampled; the width must be that of the delta method."""
    rng = np.random.default_rng(9)
    rows = 20_000
    real, predicted = rng.gamma(0.5, 2, rows), np.ones(rows)
    table = segment_bias(Forecast(real, predicted, pd.DataFrame({"all": ["x"] * rows})), seed=1)
    error = real.std() / real.mean() / np.sqrt(rows)
    width = (table["high"] - table["low"])[0] / table["bias"][0]
    assert width == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_the_interval_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(10)
    real, predicted = rng.gamma(0.5, 2, (2, 500))
    segments = pd.DataFrame({"country": rng.choice(["es", "fr"], 500)})
    forecast = Forecast(real, predicted, segments)
    first, again, other = (segment_bias(forecast, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
