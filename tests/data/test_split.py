from __future__ import annotations

import pandas as pd

from revenue_model.data.split import split
from revenue_model.model.schema import Schema


def test_with_times_the_newest_installs_are_the_test(
    schema: Schema, installs: pd.DataFrame
) -> None:
    parts = split(installs, schema, seed=1)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 2100,
        "validation": 450,
        "test": 450,
    }
    assert parts["train"]["installed_at"].max() < parts["validation"]["installed_at"].min()
    assert parts["validation"]["installed_at"].max() < parts["test"]["installed_at"].min()


def test_without_times_the_large_spenders_are_spread(
    schema: Schema, installs: pd.DataFrame
) -> None:
    parts = split(installs.drop(columns="installed_at"), schema, seed=1)
    top = set(installs.nlargest(100, "revenue")["user_id"])
    assert [sum(part["user_id"].isin(top)) for part in parts.values()] == [70, 15, 15]
    assert sorted(pd.concat(parts.values())["user_id"]) == sorted(installs["user_id"])


def test_the_same_seed_gives_the_same_parts(schema: Schema, installs: pd.DataFrame) -> None:
    undated = installs.drop(columns="installed_at")
    first, again = split(undated, schema, seed=5), split(undated, schema, seed=5)
    pd.testing.assert_frame_equal(first["test"], again["test"])
    assert not first["test"].equals(split(undated, schema, seed=6)["test"])
