from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from revenue_model.audit.audit import audit
from revenue_model.audit.figures import distributions
from revenue_model.evaluation.figures.forecast import (
    calibration,
    evaluation_figures,
    gains_curves,
    importance,
)
from revenue_model.evaluation.forecast import Forecast, Interval
from revenue_model.evaluation.metrics import deciles
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Column, Schema
from revenue_model.retraining.monitor_report import columns_table, drift_figure


def _forecast(installs: pd.DataFrame, segments: pd.DataFrame | None = None) -> Forecast:
    real = installs["revenue"].to_numpy()
    noise = np.random.default_rng(0).gamma(5, 0.2, len(real))
    predicted = np.maximum(real, 1e-4) * noise
    return Forecast(real, predicted, pd.DataFrame() if segments is None else segments)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def test_a_full_evaluation_draws_every_figure(schema: Schema, installs: pd.DataFrame) -> None:
    plain = _forecast(installs, installs[list(schema.segments)])
    interval = Interval(plain.predicted / 3, plain.predicted * 3, level=0.9)
    drawn = evaluation_figures(replace(plain, interval=interval))
    assert set(drawn) == {
        "calibration_by_decile",
        "predicted_against_real",
        "residuals",
        "gains",
        "bias_by_segment",
        "interval_coverage",
    }
    for figure in drawn.values():
        assert len(_png(figure)) > 5_000


def test_what_a_forecast_does_not_have_is_not_drawn(installs: pd.DataFrame) -> None:
    for segments in (None, installs[[]]):  # no column of the schema need be a segment
        drawn = evaluation_figures(_forecast(installs, segments))
        assert {"bias_by_segment", "interval_coverage"}.isdisjoint(drawn)


@pytest.mark.parametrize(
    "real",
    [np.zeros(50), np.eye(1, 50).ravel(), np.full(50, 2.0), np.array([3.0]), np.zeros(1)],
    ids=["nobody pays", "one payer", "all the same", "one install", "one install for free"],
)
@pytest.mark.filterwarnings("error")
def test_poor_tables_are_drawn_without_a_warning(real: Array) -> None:
    segments = pd.DataFrame({"country": ["es", None] * 25})[: len(real)]
    for predicted in (np.zeros(len(real)), np.full(len(real), 0.5)):
        interval = Interval(real * 0, real + 1, level=0.9)
        forecast = Forecast(real, predicted, segments, interval=interval)
        for figure in evaluation_figures(forecast).values():
            _png(figure)


def test_calibration_shows_the_deciles(installs: pd.DataFrame) -> None:
    forecast = _forecast(installs)
    (axes,) = calibration(forecast).axes
    shown = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    table = deciles(forecast.real, forecast.predicted)
    np.testing.assert_array_equal(shown["real"], table["real"])
    np.testing.assert_array_equal(shown["predicted"], table["predicted"])


def test_gains_come_again_without_the_dominating_segment(
    schema: Schema, installs: pd.DataFrame
) -> None:
    forecast = _forecast(installs, installs[list(schema.segments)])
    titles = [axes.get_title(loc="left") for axes in gains_curves(forecast).axes]
    assert titles[0].startswith("all installs: ")
    assert titles[1].startswith("without country pe: ")


def test_importance_lists_the_strongest_column_on_top(
    schema: Schema, installs: pd.DataFrame
) -> None:
    rng = np.random.default_rng(1)
    contributions = {
        name: rng.normal(0, size, len(installs)) for size, name in enumerate(schema.features, 1)
    }
    columns = {name: installs[name].to_numpy() for name in schema.features}
    figure = importance(contributions, columns)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == list(schema.features)  # from the bottom up
    assert _png(figure) == _png(importance(contributions, columns))


@pytest.mark.filterwarnings("error")
def test_dollars_in_names_and_values_are_no_mathematics(installs: pd.DataFrame) -> None:
    segment, event, value = "$by_$", "levels_$$", "$1 off_$2"
    columns = (Column(segment, "categorical", segment=True), Column(event, "event"))
    schema = Schema((*columns, Column("revenue", "target")))
    table = pd.DataFrame(
        {
            segment: installs["country"].replace("pe", value),
            event: installs["event_2"],
            "revenue": installs["revenue"],
        }
    )
    forecast = replace(_forecast(installs, table[[segment]]), unit="A$_US$")
    found = audit(table, schema)
    drift = {"column": segment, "verdict": "large", "reference": {"psi": 1.0}, "before": None}
    parts = {segment: forecast.predicted, event: forecast.real}
    drawn = [
        *evaluation_figures(forecast).values(),
        importance(parts, {name: table[name].to_numpy() for name in parts}),
        *found.figures().values(),
        distributions(table, schema),
        drift_figure(columns_table({"columns": [drift]})),
    ]
    for figure in drawn:
        _png(figure)
    shown = {text.get_text() for figure in drawn for text in figure.findobj(Text)}
    for text in (segment, event, value):
        assert any(text in label.replace(r"\$", "$") for label in shown)


def test_no_figure_is_left_open() -> None:
    from matplotlib import pyplot

    evaluation_figures(Forecast(np.array([0.0, 1.0, 2.0]), np.array([0.1, 1.0, 2.5])))
    assert pyplot.get_fignums() == []
