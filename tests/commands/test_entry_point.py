"""Parameters as MLflow passes them, and what becomes of a mistake."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import pytest

from revenue_model.commands.entry_point import OLD_NAMES, Parameters
from revenue_model.commands.retrain import settings_of_run
from revenue_model.errors import CommandError
from revenue_model.evaluation.promotion_test import Limits
from revenue_model.training.settings import TrainingSettings
from tests.commands.conftest import Command

ENTRY_POINTS = ("train", "compare", "evaluate", "promote", "score", "simulate", "monitor")


@dataclass(frozen=True)
class Example:
    data: str = ""
    num_rows: int = 5
    share: float = 0.5
    strict: bool = False
    engine: Literal["local", "spark"] = "local"


def read(line: str) -> Example:
    return Parameters(shlex.split(line), Example).make(Example)


def test_what_is_not_given_or_empty_has_the_default() -> None:
    assert read("") == Example()
    assert read("--data '' --num_rows '' --strict '' --engine ''") == Example()


def test_values_have_the_type_of_their_field() -> None:
    given = read("--num_rows 7 --share 1 --strict true --engine spark --data 7")
    assert given == Example("7", 7, 1.0, True, "spark")
    assert type(given.share) is float
    assert read("--strict False") == Example()


def test_dashes_and_underscores_and_equals_signs_mean_the_same() -> None:
    assert read("--num-rows 7") == read("--num_rows=7") == read("--num-rows=7")
    assert read("--data=a=b").data == "a=b"


def test_a_value_may_begin_with_dashes() -> None:
    assert read("--data --x --share -1") == Example("--x", share=-1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--dta x", "unknown parameter dta; did you mean data?"),
        ("--zzz x", "unknown parameter zzz; known are data, num_rows, share, strict, engine."),
        ("--num_rows many", "num_rows is 'many'; give a whole number."),
        ("--num_rows 7.5", "num_rows is '7.5'; give a whole number."),
        ("--share much", "share is 'much'; give a number."),
        ("--strict yes", "strict is 'yes'; give true or false."),
        ("--engine fast", "engine is 'fast'; give local or spark."),
        ("data.csv", "expected --NAME VALUE, got 'data.csv'."),
        ("--data", "expected a value after --data."),
    ],
)
def test_a_mistake_is_named(line: str, message: str) -> None:
    with pytest.raises(CommandError) as error:
        read(line)
    assert str(error.value) == message


def test_names_of_the_first_release_keep_working() -> None:
    parameters = Parameters(["--rounds", "60", "--least", "9"], TrainingSettings, Limits)
    assert parameters.make(TrainingSettings) == TrainingSettings(num_boost_round=60)
    assert parameters.make(Limits) == Limits(min_installs=9)
    known = set()
    for name in ENTRY_POINTS:
        for kind in import_module(f"revenue_model.commands.{name}").PARAMETERS:
            known |= set(kind.__dataclass_fields__)
    assert set(OLD_NAMES.values()) <= known


def test_a_value_out_of_range_is_refused_by_the_name_that_was_used() -> None:
    for name in ("rounds", "num_boost_round"):
        parameters = Parameters([f"--{name}=0"], TrainingSettings)
        with pytest.raises(CommandError, match=f"^{name} is 0; give one from 1"):
            parameters.make(TrainingSettings)


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_refuses_what_it_does_not_know(command: Command, name: str) -> None:
    refused = command(name, zzz=1)
    assert refused.code == 2
    assert refused.err.startswith("error: unknown parameter zzz; ")
    assert refused.err.count("\n") == 1


def test_help_lists_the_parameters_with_their_defaults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        Parameters(["--help"], Limits)
    assert not end.value.code
    assert "  min_installs=1000\n" in capsys.readouterr().out


def test_the_settings_of_a_run_are_read_under_both_names() -> None:
    first_release = {"rounds": "60", "folds": "4", "level": "0.8", "data": "a.csv"}
    expected: dict[str, object] = {"num_boost_round": 60, "folds": 4, "level": 0.8}
    assert settings_of_run(first_release).given(TrainingSettings) == expected
    both = {"num_boost_round": "60", "rounds": "60", "depth": "''", "device": "'cuda:1'"}
    expected = {"num_boost_round": 60, "device": "cuda:1"}
    assert settings_of_run(both).given(TrainingSettings) == expected
    assert settings_of_run({}).make(TrainingSettings) == TrainingSettings()
