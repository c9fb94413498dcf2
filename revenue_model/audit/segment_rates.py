"""Segment values whose revenue per event is far from that of the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from revenue_model.audit.finding import Finding, percent
from revenue_model.evaluation.segments import labels_of
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.training.unit_outliers import IMPLAUSIBLE, KNOWN_PAYERS, rough_exposure

FAR = 10.0  # times the rate of a column's other values, or a tenth; `IMPLAUSIBLE` is an alarm
_DEVIATIONS = 4.0  # robust standard deviations from the others, beside `FAR`
_MIN_SPREAD = float(np.log(1.5))  # of the log rates; two values alone have none


def rates_by_segment(table: pd.DataFrame, schema: Schema, revenue: Array) -> pd.DataFrame:
    """Of each segment value with enough payers, how far its revenue per event is off.

    The log of its rate against the median of the other values, in robust standard
    deviations (1.4826 MAD, and one install's noise by the number of payers). The furthest
    is taken out before the next is looked for, so that a column does not answer for another.
    """
    columns = ["column", "value", "installs", "install_share", "revenue_share"]
    if not schema.segments or not (revenue > 0).any():
        return pd.DataFrame(columns=[*columns, "payers", "factor", "deviations", "far"])
    exposure = rough_exposure(table[list(schema.events)].to_numpy(np.float64), revenue)
    labels = {name: pd.factorize(labels_of(table[name])) for name in schema.segments}
    kept = np.ones(len(table), bool)
    found: list[pd.DataFrame] = []
    while True:
        rates = pd.concat(
            _rates_of(name, codes, values, revenue, exposure, kept)
            for name, (codes, values) in labels.items()
        )
        far = rates[rates["far"]]
        if far.empty:
            break
        size = far["factor"].map(np.log).abs().round(9)  # of two values, the smaller is odd
        odd = far.assign(size=size).sort_values(["size", "installs"], ascending=[False, True])
        found.append(odd.head(1).drop(columns="size"))
        codes, values = labels[odd["column"].iloc[0]]
        kept &= codes != list(values).index(odd["value"].iloc[0])
    return pd.concat([*found, rates], ignore_index=True)


def _rates_of(
    column: str,
    codes: NDArray[np.intp],
    values: pd.Index,
    revenue: Array,
    exposure: Array,
    kept: NDArray[np.bool_],
) -> pd.DataFrame:
    def sums(weights: Array) -> Array:
        return np.asarray(np.bincount(codes[kept], weights[kept], len(values)), np.float64)

    money, installs = sums(revenue), sums(np.ones(len(codes)))
    table = pd.DataFrame(
        {
            "column": column,
            "value": values,
            "installs": installs.astype(int),
            "install_share": installs / len(codes),
            "revenue_share": money / revenue.sum(),
            "payers": sums((revenue > 0).astype(float)).astype(int),
            "rate": money / np.maximum(sums(exposure), 1e-300),
        }
    )
    table = table[table["payers"] >= KNOWN_PAYERS]
    log_rate = np.log(table.pop("rate").to_numpy())
    factor, spread = _against_others(log_rate)
    noise = 1 / table["payers"].to_numpy()
    deviations = factor / np.sqrt(np.maximum(spread, _MIN_SPREAD) ** 2 + noise)
    far = (np.abs(factor) > np.log(FAR)) & (np.abs(deviations) > _DEVIATIONS)
    return table.assign(factor=np.exp(factor), deviations=deviations, far=far)


def _against_others(log_rate: Array) -> tuple[Array, Array]:
    """Of each value, its distance to the median of the others and their robust spread."""
    if len(log_rate) < 2:
        return np.zeros(len(log_rate)), np.zeros(len(log_rate))
    others = [np.delete(log_rate, index) for index in range(len(log_rate))]
    middle = np.array([np.median(rest) for rest in others])
    off = [np.abs(rest - centre) for rest, centre in zip(others, middle, strict=True)]
    return log_rate - middle, 1.4826 * np.array([np.median(each) for each in off])


def segment_findings(rates: pd.DataFrame) -> Iterator[Finding]:
    """Those of `rates_by_segment` that are far off."""
    for row in rates[rates["far"].astype(bool)].itertuples():
        implausible = not 1 / IMPLAUSIBLE <= row.factor <= IMPLAUSIBLE
        times = _times(row.factor)
        advice = (
            "A wrong unit or currency is likelier than a better audience: ask who books it."
            if implausible
            else "Check its unit and currency."
        )
        yield Finding(
            "segment",
            "alarm" if implausible else "warning",
            row.column,
            row.value,
            row.installs,
            row.install_share,
            f"{row.column} '{row.value}' brings {times} the revenue per event of the other "
            f"values: {percent(row.install_share)} of the installs hold "
            f"{percent(row.revenue_share)} of the revenue. {advice}",
            revenue_share=row.revenue_share,
            factor=row.factor,
        )


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor > 1 else f"1/{1 / factor:,.0f} of"
