"""Every figure of a forecast."""

from __future__ import annotations

from matplotlib.figure import Figure

from revenue_model.evaluation.figures.bias import bias
from revenue_model.evaluation.figures.calibration import calibration
from revenue_model.evaluation.figures.coverage import coverage
from revenue_model.evaluation.figures.gains import gains_curves
from revenue_model.evaluation.figures.residuals import predicted_against_real, residuals
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.segment_bias import segment_bias


def evaluation_figures(forecast: Forecast, seed: int = 0) -> dict[str, Figure]:
    """Those that there is data for, by name.

    `seed` draws the bootstrap and, of many installs, those that are shown as points.
    """
    shown = {
        "calibration_by_decile": calibration(forecast),
        "predicted_against_real": predicted_against_real(forecast, seed),
        "residuals": residuals(forecast, seed),
    }
    if forecast.real.sum() > 0:
        shown["gains"] = gains_curves(forecast)
        if len(forecast.segments.columns):
            shown["bias_by_segment"] = bias(segment_bias(forecast, seed=seed))
    if forecast.interval is not None:
        shown["interval_coverage"] = coverage(forecast, forecast.interval)
    return shown
