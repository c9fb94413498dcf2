"""What is wrong with a table of installs, found before a model is trained on it.

An audit never changes the table and never stops anything: it names columns and values in
`Audit.findings`, and the caller decides what an alarm means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import mlflow
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from revenue_model.audit import figures as audit_figures
from revenue_model.evaluation.segments import labels_of
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.category import category_of
from revenue_model.training.unit_outliers import IMPLAUSIBLE, KNOWN_PAYERS, rough_exposure

Kind = Literal["missing", "spelling", "segment", "leakage", "duplicate", "constant"]
Severity = Literal["note", "warning", "alarm"]

MUCH_MISSING = 0.2  # share of a column from which missing values are a warning
NEARLY_CONSTANT = 0.99  # share of a column's commonest value
ORDERS_REVENUE = 0.9  # rank correlation with revenue: exposure, or a leak
IS_REVENUE = 0.99  # rank correlation that hardly anything but revenue itself has
FAR = 10.0  # times the rate of a column's other values, or a tenth; `IMPLAUSIBLE` is an alarm
_DEVIATIONS = 4.0  # robust standard deviations from the others, beside `FAR`
_LEAST_SPREAD = float(np.log(1.5))  # of the log rates; two values alone have none
_MANY_DUPLICATES = 0.01  # share of payers whose row is another's copy
_SHOWN = 3  # examples in a message


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


@dataclass(frozen=True)
class Audit:
    """The findings, the worst first, and what the figures are drawn from."""

    findings: pd.DataFrame  # a row per `Finding`
    installs: int
    payer_share: float
    missing: pd.Series  # share by feature
    rates: pd.DataFrame  # a row per segment value: its revenue per event over the typical
    correlations: pd.Series  # with revenue by rank, by feature

    @property
    def alarming(self) -> list[str]:
        """The messages of the alarms: reasons not to train on this table."""
        return list(self.findings.loc[self.findings["severity"] == "alarm", "message"])

    def text(self) -> str:
        """A short report: counts, then a line per finding."""
        marks = {"alarm": "ALARM  ", "warning": "warning", "note": "note   "}
        head = (
            f"{self.installs:,} installs, {self.payer_share:.1%} with revenue; "
            f"findings: {len(self.findings)}, of them alarms: {len(self.alarming)}."
        )
        found = self.findings.groupby(["column", "kind"], sort=False)
        lines = [
            f"{marks[row.severity]}  {row.message}" + _others(len(rows) - _SHOWN, place)
            for _, rows in found
            for place, row in enumerate(rows.head(_SHOWN).itertuples(), start=1)
        ]
        return "\n".join([head, *lines]) + "\n"

    def figures(self) -> dict[str, Figure]:
        """By name; without what the table has no data for."""
        return audit_figures.all_of(self.missing, self.rates, self.correlations, self.findings)


def _others(more: int, place: int) -> str:
    return f" And {more} more like this." if more > 0 and place == _SHOWN else ""


def audit(table: pd.DataFrame, schema: Schema) -> Audit:
    """Look through labelled installs as `read_table` returns them."""
    revenue = table[schema.target.name].to_numpy(np.float64)
    missing = table[list(schema.features)].isna().mean()
    rates = _rates(table, schema, revenue)
    correlations = _correlations(table, schema, revenue)
    found = [
        *_segments(rates),
        *_leakage(correlations, len(table)),
        *_missing(missing, len(table)),
        *_constant(table, schema),
        *_spelling(table, schema),
        *_duplicates(table, schema, revenue),
    ]
    order = ("alarm", "warning", "note")
    found.sort(key=lambda finding: order.index(finding.severity))
    names = list(Finding.__dataclass_fields__)
    return Audit(
        findings=pd.DataFrame([asdict(finding) for finding in found], columns=names),
        installs=len(table),
        payer_share=float((revenue > 0).mean()),
        missing=missing,
        rates=rates,
        correlations=correlations,
    )


def log(found: Audit) -> None:
    """Log table, text and figures to the active MLflow run, under ``audit/``."""
    mlflow.log_table(found.findings, "audit/findings.json")
    mlflow.log_text(found.text(), "audit/audit.txt")
    for name, figure in found.figures().items():
        mlflow.log_figure(figure, f"audit/{name}.png")


def _rates(table: pd.DataFrame, schema: Schema, revenue: Array) -> pd.DataFrame:
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
    deviations = factor / np.sqrt(np.maximum(spread, _LEAST_SPREAD) ** 2 + noise)
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


def _segments(rates: pd.DataFrame) -> Iterator[Finding]:
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
            f"values: {_percent(row.install_share)} of the installs hold "
            f"{_percent(row.revenue_share)} of the revenue. {advice}",
            revenue_share=row.revenue_share,
            factor=row.factor,
        )


def _correlations(table: pd.DataFrame, schema: Schema, revenue: Array) -> pd.Series:
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


def _leakage(correlations: pd.Series, installs: int) -> Iterator[Finding]:
    for name, value in correlations[correlations >= ORDERS_REVENUE].items():
        alarm = value >= IS_REVENUE
        reading = (
            "as only the revenue itself, or a part of it, does. Remove it from the schema "
            "unless it is known on the day of the install."
            if alarm
            else "which is right for a count that revenue is earned by and a leak for one "
            "that is known only later. Check that it is known when a prediction is asked for."
        )
        yield Finding(
            "leakage",
            "alarm" if alarm else "warning",
            str(name),
            "",
            installs,
            1.0,
            f"{name} alone orders the installs nearly as revenue does (rank correlation "
            f"{value:.3f}), {reading}",
            correlation=value,
        )


def _missing(missing: pd.Series, installs: int) -> Iterator[Finding]:
    for name, share in missing[missing > 0].sort_values(ascending=False).items():
        count = round(share * installs)
        yield Finding(
            "missing",
            "warning" if share >= MUCH_MISSING else "note",
            str(name),
            "",
            count,
            share,
            f"{name} is missing in {count:,} installs ({_percent(share)}).",
        )


def _constant(table: pd.DataFrame, schema: Schema) -> Iterator[Finding]:
    for name in schema.features:
        counts = table[name].astype(object).value_counts()
        known = int(counts.sum())
        if known and (count := int(counts.iloc[0])) >= NEARLY_CONSTANT * known:
            value = counts.index[0]
            value = value if isinstance(value, str) else f"{value:g}"
            yield Finding(
                "constant",
                "warning",
                name,
                value,
                count,
                count / len(table),
                f"{name} is '{value}' in {_percent(count / known)} of the installs that have "
                "it: it can hardly tell them apart.",
            )


def _spelling(table: pd.DataFrame, schema: Schema) -> Iterator[Finding]:
    """Values that differ by case or spaces only."""
    for name in schema.categoricals:
        counts = table[name].astype(object).value_counts()
        meant = counts.index.map(lambda value: "".join(value.split()).casefold())
        variants = counts.groupby(meant, sort=False)
        for value, spelled in variants:
            if len(spelled) < 2:
                continue
            apart = len({category_of(spelling) for spelling in spelled.index}) > 1
            shown = ", ".join(f"'{text}' {count:,}" for text, count in spelled[:4].items())
            yield Finding(
                "spelling",
                "warning" if apart else "note",
                name,
                value,
                int(spelled.sum()),
                float(spelled.sum() / len(table)),
                f"{name} '{value}' is spelled {len(spelled)} ways ({shown}"
                + (", ..." if len(spelled) > 4 else "")
                + "); the model takes them for "
                + ("different values: spell it one way." if apart else "one."),
            )


def _duplicates(table: pd.DataFrame, schema: Schema, revenue: Array) -> Iterator[Finding]:
    copies = table.duplicated(list(schema.features)).to_numpy()
    if not copies.any():
        return
    paying = table[revenue > 0]
    alike = paying.duplicated([*schema.features, schema.target.name])
    many = len(paying) > 0 and alike.mean() >= _MANY_DUPLICATES
    yield Finding(
        "duplicate",
        "warning" if many else "note",
        "",
        "",
        int(copies.sum()),
        float(copies.mean()),
        f"{int(copies.sum()):,} installs ({_percent(copies.mean())}) have the features of an "
        f"earlier one; {int(alike.sum()):,} of them paid, exactly the same."
        + (" Were rows written twice?" if many else ""),
    )


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor > 1 else f"1/{1 / factor:,.0f} of"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share == 1 else f"{float(f'{100 * share:.3g}'):g}%"
