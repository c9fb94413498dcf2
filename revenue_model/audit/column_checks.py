"""What can be wrong with a column: missing values, spellings, leaks, copies, constants."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from revenue_model.audit.finding import Finding, percent
from revenue_model.evaluation.segments import labels_of
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.category import category_of

MUCH_MISSING = 0.2  # share of a column from which missing values are a warning
NEARLY_CONSTANT = 0.99  # share of a column's commonest value
ORDERS_REVENUE = 0.9  # rank correlation with revenue: exposure, or a leak
IS_REVENUE = 0.99  # rank correlation that hardly anything but revenue itself has
_MANY_DUPLICATES = 0.01  # share of payers whose row is another's copy


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


def missing(missing: pd.Series, installs: int) -> Iterator[Finding]:
    for name, share in missing[missing > 0].sort_values(ascending=False).items():
        count = round(share * installs)
        yield Finding(
            "missing",
            "warning" if share >= MUCH_MISSING else "note",
            str(name),
            "",
            count,
            share,
            f"{name} is missing in {count:,} installs ({percent(share)}).",
        )


def constant(table: pd.DataFrame, schema: Schema) -> Iterator[Finding]:
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
                f"{name} is '{value}' in {percent(count / known)} of the installs that have "
                "it: it hardly distinguishes them.",
            )


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


def duplicates(table: pd.DataFrame, schema: Schema, revenue: Array) -> Iterator[Finding]:
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
        f"{int(copies.sum()):,} installs ({percent(copies.mean())}) have the features of an "
        f"earlier one; {int(alike.sum()):,} of them paid, exactly the same."
        + (" Were rows written twice?" if many else ""),
    )
