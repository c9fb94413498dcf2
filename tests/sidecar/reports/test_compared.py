"""Two versions side by side, beside a plain computation and a bootstrap over users."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from revenue_model.sidecar.store.database import Database
from tests.sidecar.conftest import Writer
from tests.sidecar.outcomes.test_labels import NOW, Log, label, log

__all__ = ["log"]  # fixture

USERS = 80
# Days ago, in one hour: not one moment, by which the spool's files are named.
OLD = [8 + (NOW - NOW.replace(minute=minute)) / timedelta(days=1) for minute in (10, 20)]
Make = Callable[..., Writer]
Numbers = NDArray[np.float64]


@pytest.fixture
def real() -> Numbers:
    rng = np.random.default_rng(5)
    return np.round(rng.lognormal(0, 1.2, USERS) * (rng.random(USERS) < 0.7), 3)


def predicted(real: Numbers, seed: int, level: float) -> Numbers:
    noise = np.random.default_rng(seed).gamma(6, 1 / 6, len(real))
    return np.asarray(np.round(level * real * noise + 0.1, 2))


def compared(database: Database) -> list[dict[str, Any]]:
    return database.rows("compared")


def is_near(row: dict[str, Any], name: str, value: float, drawn: Numbers) -> None:
    """The figure is `value`, and its interval about the one of the bootstrap."""
    assert row[name] == pytest.approx(value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert row[f"{name}_low"] == pytest.approx(low, abs=0.2 * (high - low))
    assert row[f"{name}_high"] == pytest.approx(high, abs=0.2 * (high - low))


def test_a_challenger_in_shadow_is_compared_on_the_same_installs(
    database: Database, writer: Make, log: Log, real: Numbers
) -> None:
    champion, challenger = writer("9"), writer("10", shadow=True)
    ours, theirs = predicted(real, 1, 1.0), predicted(real, 2, 1.3)
    log.log(champion, 9, 4.0, user_id="before", request_id="b")
    log.log(challenger, 8, 5.0, user_id="before", request_id="later")
    for user in range(USERS):
        asked: Any = {"user_id": f"u{user}", "request_id": f"r{user}"}
        log.log(champion, OLD[0], ours[user], **asked)
        log.log(challenger, OLD[1], theirs[user], **asked)
        if user % 4:
            label(database, f"u{user}", real[user])
    log.refresh()
    [row] = compared(database)
    assert (row["model_version"], row["against_version"]) == ("10", "9")
    assert row["same_installs"]
    assert row["installs"] == row["against_installs"] == USERS  # another request is no pair
    assert row["labelled"] == row["against_labelled"] == USERS * 3 // 4
    assert row["predicted_mean"] == pytest.approx(theirs.mean())
    assert row["against_predicted_mean"] == pytest.approx(ours.mean())

    rng = np.random.default_rng(0)
    draws = rng.integers(0, USERS, (4000, USERS))
    ratios = theirs[draws].sum(1) / ours[draws].sum(1)
    is_near(row, "predicted_ratio", theirs.sum() / ours.sum(), ratios)
    known = np.arange(USERS) % 4 > 0
    y, p, q = real[known], theirs[known], ours[known]
    draws = rng.integers(0, len(y), (4000, len(y)))
    is_near(row, "bias", p.sum() / y.sum(), p[draws].sum(1) / y[draws].sum(1))
    is_near(row, "against_bias", q.sum() / y.sum(), q[draws].sum(1) / y[draws].sum(1))
    assert row["mae"] == pytest.approx(np.abs(p - y).mean())
    difference = np.abs(p - y) - np.abs(q - y)
    is_near(row, "mae_difference", difference.mean(), difference[draws].mean(1))


def test_versions_that_answer_shares_of_the_users_are_compared_as_two_samples(
    database: Database, writer: Make, log: Log, real: Numbers
) -> None:
    one, two = writer("1"), writer("2")
    ours, theirs = predicted(real, 1, 1.0), predicted(real, 2, 0.7)
    mine = np.arange(USERS) % 2 == 0
    for user in range(USERS):
        of, value = (one, ours) if mine[user] else (two, theirs)
        log.log(of, OLD[of is two], value[user], user_id=f"u{user}", request_id=f"r{user}")
        label(database, f"u{user}", real[user])
    log.log(one, 30, 1000.0, user_id="alone")  # nobody else answered in that hour
    log.log(one, OLD[0], 1000.0, user_id="both")
    log.log(two, OLD[1], 1000.0, user_id="both")
    log.refresh()
    [row] = compared(database)
    assert not row["same_installs"]
    assert (row["model_version"], row["against_version"]) == ("2", "1")
    assert row["installs"] == row["labelled"] == row["against_labelled"] == USERS // 2

    rng = np.random.default_rng(0)
    p, q, yp, yq = theirs[~mine], ours[mine], real[~mine], real[mine]
    first, second = (rng.integers(0, USERS // 2, (4000, USERS // 2)) for _ in range(2))
    ratios = p[first].mean(1) / q[second].mean(1)
    is_near(row, "predicted_ratio", p.mean() / q.mean(), ratios)
    here, there = np.abs(p - yp), np.abs(q - yq)
    drawn = here[first].mean(1) - there[second].mean(1)
    is_near(row, "mae_difference", here.mean() - there.mean(), drawn)
    assert row["against_bias"] == pytest.approx(q.sum() / yq.sum())


def test_few_users_have_no_interval_and_one_version_no_comparison(
    database: Database, writer: Make, log: Log
) -> None:
    champion, challenger = writer("1"), writer("2", shadow=True)
    log.log(champion, OLD[0], 0.0, user_id="u", request_id="r")
    log.refresh()
    assert compared(database) == []
    log.log(challenger, OLD[1], 0.0, user_id="u", request_id="r")
    log.refresh()
    [row] = compared(database)
    assert (row["installs"], row["labelled"]) == (1, 0)
    for name in ("predicted_ratio", "predicted_ratio_low", "bias", "mae_difference_low"):
        assert row[name] is None
