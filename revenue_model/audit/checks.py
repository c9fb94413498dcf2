"""What can be wrong with a table: each check yields what it has found.

Columns are checked for missing values, spellings, leaks, copies and constants, and segment
values for revenue per event that is far from that of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from revenue_model.evaluation.forecast import labels_of
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.category import category_of
from revenue_model.training.unit_outliers import IMPLAUSIBLE, KNOWN_PAYERS, rough_exposure

MUCH_MISSING = 0.2  # share of a column from which missing values are a warning
NEARLY_CONSTANT = 0.99  # share of a column's commonest value
ORDERS_REVENUE = 0.9  # rank correlation with revenue: exposure, or a leak
IS_REVENUE = 0.99  # rank correlation that hardly anything but revenue itself has
_MANY_DUPLICATES = 0.01  # share of payers whose row is another's copy
FAR = 10.0  # times the rate of a column's other values, or a tenth; `IMPLAUSIBLE` is an alarm
_DEVIATIONS = 4.0  # robust standard deviations from the others, beside `FAR`
_MIN_SPREAD = float(np.log(1.5))  # of the log rates; two values alone have none

Kind = Literal["missing", "spelling", "segment", "leakage", "duplicate", "constant"]
Severity = Literal["note", "warning", "alarm"]


@dataclass(frozen=True)
class Finding:
    """One thing about one column, or one value of it; shares are of all installs."""

    kind: Kind
    severity: Severity
    column: str
    value: str
    installs: int
    install_share: float
    message: str
    revenue_share: float | None = None
    factor: float | None = None  # times the revenue per event of the column's other values
    correlation: float | None = None  # with revenue, by rank


def percent(share: float) -> str:
    return f"{share:.0%}" if share == 1 else f"{float(f'{100 * share:.3g}'):g}%"


def correlations(table: pd.DataFrame, schema: Schema, revenue: Array) -> pd.Series:
    """How well each feature alone orders the installs by revenue, from 0 to 1.

    A number by |Spearman|; a category by the correlation ratio of the ranks, with missing
    as a category, adjusted for their number and without those of one install.
    """
    rank = rankdata(revenue)
    found = {name: _of_category(labels_of(table[name]), rank) for name in schema.categoricals}
    for name in schema.events + schema.numerics:
        numbers = table[name].to_numpy(np.float64)
        known = ~np.isnan(numbers)
        found[name] = abs(_correlation(rankdata(numbers[known]), rankdata(revenue[known])))
    return pd.Series(found, dtype=np.float64)


def _correlation(x: Array, y: Array) -> float:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _of_category(labels: pd.Series, rank: Array) -> float:
    codes, values = pd.factorize(labels)
    size = np.bincount(codes)
    shared = size[codes] > 1
    codes, rank = codes[shared], rank[shared]
    freedom = len(rank) - int((size > 1).sum())
    if freedom < 1 or len(values) < 2 or np.ptp(rank) == 0:
        return 0.0
    mean = np.bincount(codes, rank) / np.maximum(np.bincount(codes), 1)
    within = np.square(rank - mean[codes]).sum() / freedom
    return float(np.sqrt(max(0.0, 1 - within / rank.var(ddof=1))))


def leakage(correlations: pd.Series, installs: int) -> Iterator[Finding]:
    for name, value in correlations[correlations >= ORDERS_REVENUE].items():
        severity: Severity = "alarm" if value >= IS_REVENUE else "warning"
        reading = (
            "as only the revenue itself, or a part of it, does. Remove it from the schema "
            "unless it is known on the day of the install."
            if severity == "alarm"
            else "which is right for a count that revenue is earned by and a leak for one "
            "that is known only later. Check that it is known when a prediction is asked for."
        )
        message = (
            f"{name} alone orders the installs nearly as revenue does (rank correlation "
            f"{value:.3f}), {reading}"
        )
        found = Finding("leakage", severity, str(name), "", installs, 1.0, message)
        yield replace(found, correlation=value)


def missing(missing: pd.Series, installs: int) -> Iterator[Finding]:
    for name, share in missing[missing > 0].sort_values(ascending=False).items():
        count = round(share * installs)
        severity: Severity = "warning" if share >= MUCH_MISSING else "note"
        message = f"{name} is missing in {count:,} installs ({percent(share)})."
        yield Finding("missing", severity, str(name), "", count, share, message)


def constant(table: pd.DataFrame, schema: Schema) -> Iterator[Finding]:
    for name in schema.features:
        counts = table[name].astype(object).value_counts()
        known = int(counts.sum())
        if known and (count := int(counts.iloc[0])) >= NEARLY_CONSTANT * known:
            value = counts.index[0]
            value = value if isinstance(value, str) else f"{value:g}"
            message = (
                f"{name} is '{value}' in {percent(count / known)} of the installs that have "
                "it: it hardly distinguishes them."
            )
            share = count / len(table)
            yield Finding("constant", "warning", name, value, count, share, message)


def spelling(table: pd.DataFrame, schema: Schema) -> Iterator[Finding]:
    """Values that differ by case or spaces only."""
    for name in schema.categoricals:
        counts = table[name].astype(object).value_counts()
        meant = counts.index.map(lambda value: "".join(value.split()).casefold())
        variants = counts.groupby(meant, sort=False)
        for value, spelled in variants:
            if len(spelled) < 2:
                continue
            apart = len({category_of(spelling) for spelling in spelled.index}) > 1
            severity: Severity = "warning" if apart else "note"
            shown = ", ".join(f"'{text}' {count:,}" for text, count in spelled[:4].items())
            message = (
                f"{name} '{value}' is spelled {len(spelled)} ways ({shown}"
                + (", ..." if len(spelled) > 4 else "")
                + "); the model takes them for "
                + ("different values: spell it one way." if apart else "one.")
            )
            count = int(spelled.sum())
            yield Finding("spelling", severity, name, value, count, count / len(table), message)


def duplicates(table: pd.DataFrame, schema: Schema, revenue: Array) -> Iterator[Finding]:
    copies = table.duplicated(list(schema.features)).to_numpy()
    if not copies.any():
        return
    paying = table[revenue > 0]
    alike = paying.duplicated([*schema.features, schema.target.name])
    many = len(paying) > 0 and alike.mean() >= _MANY_DUPLICATES
    count, share = int(copies.sum()), float(copies.mean())
    message = (
        f"{count:,} installs ({percent(share)}) have the features of an earlier one; "
        f"{int(alike.sum()):,} of them paid, exactly the same."
        + (" Were rows written twice?" if many else "")
    )
    yield Finding("duplicate", "warning" if many else "note", "", "", count, share, message)


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
        factor, share = row.factor, row.install_share
        plausible = 1 / IMPLAUSIBLE <= factor <= IMPLAUSIBLE
        severity: Severity = "warning" if plausible else "alarm"
        times = f"{factor:,.0f} times" if factor > 1 else f"1/{1 / factor:,.0f} of"
        advice = (
            "Check its unit and currency."
            if plausible
            else "A wrong unit or currency is likelier than a better audience: ask who books it."
        )
        message = (
            f"{row.column} '{row.value}' brings {times} the revenue per event of the other "
            f"values: {percent(share)} of the installs hold {percent(row.revenue_share)} of "
            f"the revenue. {advice}"
        )
        found = Finding("segment", severity, row.column, row.value, row.installs, share, message)
        yield replace(found, revenue_share=row.revenue_share, factor=factor)
