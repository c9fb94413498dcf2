"""Which users are the challenger's, and a challenger that is none."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from revenue_model.model.challenger import Challenger
from revenue_model.model.schema import Schema

USERS = [f"user-{number}" for number in range(20_000)]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_of_users_is_as_asked_for_and_always_the_same(
    tmp_path: Path, schema: Schema, share: float
) -> None:
    one, again, salted = (
        [user for user in USERS if challenger.takes(user)]
        for challenger in (
            Challenger(tmp_path, schema, share=share, salt=salt) for salt in ("", "", "other")
        )
    )
    assert one == again
    assert len(one) / len(USERS) == pytest.approx(share, abs=0.01)
    assert len(set(one) & set(salted)) / len(one) == pytest.approx(share, abs=0.03)


def test_a_larger_share_keeps_the_users_of_a_smaller_one(
    tmp_path: Path, schema: Schema
) -> None:
    small = Challenger(tmp_path, schema, share=0.1, salt="")
    large = Challenger(tmp_path, schema, share=0.3, salt="")
    assert all(large.takes(user) for user in USERS if small.takes(user))
    assert small.takes("user-8")
    assert not small.takes("user-1")


@pytest.mark.parametrize("user_id", [None, "", float("nan")])
def test_who_has_no_id_is_the_champions(
    tmp_path: Path, schema: Schema, user_id: object
) -> None:
    assert not Challenger(tmp_path, schema, share=0.999999, salt="").takes(user_id)


def test_a_challenger_that_does_not_load_changes_no_answer(
    tmp_path: Path, schema: Schema
) -> None:
    challenger = Challenger(tmp_path / "nowhere", schema, share=0.9, salt="")
    assert challenger.problem.startswith("does not load: ")
    outputs = {"predicted_revenue": np.array([1.5])}
    challenger.take_part(
        None, {"user_id": ["user-1"]}, outputs, {}, request_id="", began=time.perf_counter()
    )
    assert outputs["predicted_revenue"].tolist() == [1.5]
