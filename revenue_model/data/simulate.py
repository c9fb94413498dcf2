"""Simulated installs, for a first try, tests and benchmarks.

The default schema gives a table in the shape of a real one: revenue is rate x events,
37% of the users bring nothing, the median is below a dollar, and one country is booked
in another unit, at tens of thousands of times the rate of the rest. Another schema gives
columns by its roles, with one dominating segment and an interaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from revenue_model.data.chunked import partial_path
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema

CHUNK_ROWS = 100_000
COUNTRIES = [
    "us", "br", "mx", "es", "ar", "co", "it", "fr", "de", "gb", "tr", "id", "in", "ph",
    "th", "vn", "my", "jp", "kr", "pl", "ro", "cl", "ec", "bo", "py", "uy", "cr", "pa",
    "gt", "sv", "hn", "ni", "do", "ve", "pt", "nl", "be", "at", "ch", "se", "no", "dk",
    "fi", "ie", "cz", "sk", "hu", "bg", "gr", "hr", "rs", "ba", "si", "mk", "al", "ua",
    "by", "kz", "uz", "ge", "am", "az", "il", "sa", "ae", "eg", "ma", "dz", "tn", "za",
    "ng", "ke", "gh", "na", "ci", "sn", "cm", "lk", "bd", "pk", "np", "kh", "mm", "la",
    "tw", "hk", "sg", "au", "nz", "ca", "pe",
]  # fmt: skip
OUTLIER_FACTOR = 40_000.0
OUTLIER_SHARE = 0.0065
DAYS = 30
FIRST_DAY = np.datetime64("2026-01-01", "us")


@dataclass(frozen=True)
class Category:
    """A categorical column's values, how often each comes, and its log rate."""

    values: NDArray[np.object_]
    share: Array
    log_rate: Array
    missing: float


def simulate(schema: Schema, rows: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield `rows` installs in chunks; the same `seed` gives the same installs.

    A chunk has the schema's columns in its order, as `read_table` returns them.
    """
    categories = _categories(schema, np.random.default_rng([seed, 0]))
    for start in range(0, rows, CHUNK_ROWS):
        rng = np.random.default_rng([seed, 1, start])
        yield _chunk(schema, categories, min(CHUNK_ROWS, rows - start), start, seed, rng)


def simulated_table(schema: Schema, rows: int, seed: int) -> pd.DataFrame:
    """All of `simulate` as one table."""
    return pd.concat(simulate(schema, rows, seed), ignore_index=True)


def _categories(schema: Schema, rng: np.random.Generator) -> dict[str, Category]:
    categories = {}
    for name in schema.categoricals:
        is_segment = name in schema.segments
        if name == "platform":
            values = ["iOS", "Android", "ios", "android"]
            share = np.array([0.3, 0.3, 0.2, 0.2])
            log_rate, missing = np.array([0.4, 0.0, 0.4, 0.0]), 0.0
        elif name == "source":
            values, share = ["Non-Organic", "Organic"], np.array([0.6, 0.4])
            log_rate, missing = np.array([0.1, 0.0]), 0.04
        elif name == "country":
            values, missing = COUNTRIES, 0.0
            others = len(COUNTRIES) - 1
            share = np.append(_zipf(others) * (1 - OUTLIER_SHARE), OUTLIER_SHARE)
            log_rate = np.append(rng.normal(0, 0.6, others), np.log(OUTLIER_FACTOR))
        else:
            count = {"country_region": 680, "device_family": 1000, "os_version": 80}.get(
                name, 20 if is_segment else 50
            )
            values = [f"{name} {index}" for index in range(count)]
            share, missing = _zipf(count), 0.03
            log_rate = rng.normal(0, 0.4 if is_segment else 0.1, count)
        categories[name] = Category(np.array(values, object), share, log_rate, missing)
    if categories and "country" not in categories:
        next(iter(categories.values())).log_rate[-1] += np.log(50.0)
    return categories


def _zipf(count: int) -> Array:
    share = 1.0 / np.arange(1, count + 1)
    return np.asarray(share / share.sum())


def _chunk(
    schema: Schema,
    categories: dict[str, Category],
    rows: int,
    start: int,
    seed: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    columns: dict[str, object] = {}
    log_rate = np.full(rows, np.log(0.0027))
    codes: list[NDArray[np.int64]] = []
    for name, category in categories.items():
        code = rng.choice(len(category.values), rows, p=category.share)
        values = category.values[code]
        values[rng.random(rows) < category.missing] = None
        columns[name] = values
        log_rate += category.log_rate[code]
        codes.append(code)
    for name in schema.numerics:
        number = rng.normal(0, 1, rows)
        columns[name] = np.where(rng.random(rows) < 0.02, np.nan, number)
        log_rate += 0.3 * number * ((codes[0] % 2) * 2 - 1 if codes else 1)
    active = rng.random(rows) < 0.635
    exposure = np.zeros(rows)
    for index, name in enumerate(schema.events):
        scale, weight, used = (2.8, 1.0, 1.0) if index == 1 else (1.0, 0.4, 0.25)
        count = np.ceil(rng.lognormal(scale, 1.5, rows)) * active * (rng.random(rows) < used)
        exposure += weight * count
        last = index == len(schema.events) - 1
        columns[name] = np.where(rng.random(rows) < 0.02 * last, np.nan, count)
    if not schema.events:
        exposure += 30.0 * active
    noise = rng.gamma(4.0, 0.25, rows)
    columns[schema.target.name] = np.round(np.exp(log_rate) * exposure * noise, 6)
    if schema.id:
        ids = [f"{seed:x}-{start + i:08x}" for i in range(rows)]
        columns[schema.id] = np.array(ids, object)
    if schema.time:
        seconds = rng.uniform(0, DAYS * 86_400, rows)
        since = (seconds * 1e6).astype("timedelta64[us]")
        columns[schema.time] = (FIRST_DAY + since).astype("datetime64[ns]")
    return pd.DataFrame({column.name: columns[column.name] for column in schema.columns})


def write(schema: Schema, rows: int, seed: int, out: Path) -> None:
    """Stream simulated installs to the Parquet file `out`; it appears when it is whole."""
    types = {"time": pa.timestamp("us")}
    arrow = pa.schema(
        (c.name, types.get(c.role, pa.float64() if c.is_number else pa.string()))
        for c in schema.columns
    )
    with (
        partial_path(out) as part,
        pq.ParquetWriter(part, arrow) as writer,
        tqdm(total=rows, unit="installs", desc="Simulate", disable=None) as progress,
    ):
        for chunk in simulate(schema, rows, seed):
            writer.write_table(pa.Table.from_pandas(chunk, arrow, preserve_index=False))
            progress.update(len(chunk))
