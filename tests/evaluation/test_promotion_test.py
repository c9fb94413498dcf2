"""The promotion test: what it refuses, what it lets through, and by which figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from revenue_model.data.simulate import simulated_table
from revenue_model.errors import CommandError
from revenue_model.evaluation.forecast import Forecast
from revenue_model.evaluation.metrics import evaluate
from revenue_model.evaluation.promotion_test import Limits, Verdict, judge
from revenue_model.model.arrays import Array
from revenue_model.model.schema import Schema
from revenue_model.training.fit import fit
from tests.examples import SMALL

LIMITS = Limits(draws=200)
TESTED = 2_500
SEEDS = range(20)  # test tables
SETTINGS = replace(SMALL, folds=5, num_boost_round=80, depth=4)


class World:
    """Installs of one world: some to learn from, many to draw test tables from."""

    def __init__(self, schema: Schema, seed: int) -> None:
        self.schema = schema
        installs = simulated_table(schema, 28_000, seed)
        self.train, self.rest = installs.head(8_000), installs.tail(20_000)
        self.real = self.rest["revenue"].to_numpy()
        self.segments = self.rest[list(schema.segments)]
        self.champion = self.predict(self.train)

    def predict(self, train: pd.DataFrame, trees: float = 1.0) -> Array:
        """Of a model fitted on `train` that keeps a share of its `trees`."""
        model = fit(train.reset_index(drop=True), self.schema, SETTINGS)
        kept = max(1, round(model.mean.num_boosted_rounds() * trees))
        model = replace(model, mean=model.mean[:kept])
        columns = {name: self.rest[name].to_numpy() for name in self.schema.features}
        return model.predict(columns)["predicted_revenue"]

    def verdict(self, champion: Array, challenger: Array, seed: int) -> Verdict:
        """On a test table of its own for each `seed`."""
        rows = np.random.default_rng(seed).choice(len(self.real), TESTED, replace=False)
        before, after = (self.forecast(each).part(rows) for each in (champion, challenger))
        return judge(before, after, replace(LIMITS, seed=seed))

    def forecast(self, predicted: Array, installs: int | None = None) -> Forecast:
        """Of the first `installs`, of all if None."""
        return Forecast(
            self.real[:installs], predicted[:installs], self.segments.head(installs or 20_000)
        )


@pytest.fixture(scope="module")
def world(schema: Schema) -> World:
    return World(schema, seed=1001)


def promoted(verdicts: list[Verdict]) -> int:
    return sum(verdict.promote for verdict in verdicts)


def test_worse_challengers_are_refused_on_every_test_table(world: World) -> None:
    shuffled = world.train.assign(
        revenue=world.train["revenue"].sample(frac=1, random_state=1).to_numpy()
    )
    worse = {
        "shuffled target": world.predict(shuffled),
        "half the trees": world.predict(world.train, trees=0.5),
        "10% above": world.champion * 1.1,
        "10% below": world.champion * 0.9,
    }
    for name, challenger in worse.items():
        verdicts = [world.verdict(world.champion, challenger, seed) for seed in SEEDS]
        assert promoted(verdicts) == 0, name
        assert all(verdict.reasons for verdict in verdicts)


def test_an_equal_challenger_is_not_promoted_for_noise(world: World) -> None:
    for seed in SEEDS:
        noise = np.random.default_rng(seed).normal(0, 0.1, (2, len(world.real)))
        champion, challenger = world.champion * np.exp(noise)
        assert not world.verdict(champion, challenger, seed).promote
    same = world.verdict(world.champion, world.champion, seed=0)
    assert not same.promote
    assert same.reasons == (
        "tweedie_deviance is not shown to be lower by 0.02 (lower by 0, from 0 to 0).",
    )


def test_a_truly_better_challenger_is_promoted(world: World) -> None:
    little = world.predict(world.train.head(1_500))
    verdicts = [world.verdict(little, world.champion, seed) for seed in SEEDS]
    assert promoted(verdicts) >= 18


def test_a_few_installs_with_nearly_all_the_money_do_not_hide_the_others(world: World) -> None:
    faulty = (world.segments["country"] == "pe").to_numpy()
    assert world.real[faulty].sum() > 0.9 * world.real.sum()
    for harmed in (faulty, ~faulty):
        challenger = np.where(harmed, 2 * world.champion, world.champion)
        verdict = world.verdict(world.champion, challenger, seed=3)
        assert not verdict.promote
    assert set(verdict.table["part"]) == {"all", "rest"}
    never_saw_it = np.where(faulty, world.champion / 40_000, world.champion)
    assert world.verdict(never_saw_it, world.champion, seed=3).promote


def test_the_figures_are_those_of_the_metrics(world: World) -> None:
    champion = world.forecast(world.champion, TESTED)
    challenger = world.forecast(1.2 * world.champion, TESTED)
    verdict = judge(champion, challenger, LIMITS)
    assert champion.dominating is not None
    expected = evaluate(champion)
    figures = verdict.figures()
    for measure in ("tweedie_deviance", "mae", "gini", "total_bias"):
        for part in ("", "_rest"):
            got = figures[f"{measure}{part}_champion"]
            assert got == pytest.approx(expected[f"{measure}{part}"]), measure
    after = evaluate(challenger)
    assert figures["mae_rest_worse_by"] == pytest.approx(
        after["mae_rest"] / expected["mae_rest"] - 1
    )


def test_the_same_question_has_the_same_answer(world: World) -> None:
    first, again = (world.verdict(world.champion, 1.05 * world.champion, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, again.table)


def test_too_few_installs_decide_nothing(world: World) -> None:
    few = world.forecast(world.champion, 900)
    with pytest.raises(CommandError, match=r"at least 1000 and 50 are needed[\s\S]*min_installs="):
        judge(few, few, LIMITS)
