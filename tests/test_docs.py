"""What the documentation shows exists, and works as it says."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
import yaml

from revenue_model.commands.entry_point import OLD_NAMES
from revenue_model.data.simulate import simulated_table
from revenue_model.data.table import check_table
from revenue_model.model.schema import Role, Schema, SchemaError
from revenue_model.training.fit import fit
from revenue_model.training.settings import TrainingSettings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
ENTRY_POINTS = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of `language`."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def project_commands(page: Path) -> list[str]:
    joined = "\n".join(blocks(page, "bash") + blocks(page, "sh")).replace("\\\n", " ")
    return [line for line in joined.splitlines() if re.match(r"^\S*mlflow run ", line)]


def kinds_of(entry: str) -> tuple[Any, ...]:
    """The dataclasses whose fields are the parameters of an entry point."""
    module = "train" if entry == "main" else entry
    found: tuple[Any, ...] = import_module(f"revenue_model.commands.{module}").PARAMETERS
    return found


def parameters(entry: str) -> list[str]:
    return [each.name for kind in kinds_of(entry) for each in fields(kind)]


@pytest.fixture(scope="module")
def page() -> Path:
    return ROOT / "docs" / "schema.md"


@pytest.fixture(scope="module")
def studio(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Schema:
    (example,) = blocks(page, "toml")
    path = tmp_path_factory.mktemp("docs") / "studio.toml"
    path.write_text(example, encoding="utf-8")
    return Schema.read(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_is_an_entry_point_with_its_parameters(page: Path) -> None:
    for command in project_commands(page):
        words = shlex.split(command, comments=True)
        entry = words[words.index("-e") + 1] if "-e" in words else "main"
        assert entry in ENTRY_POINTS, command
        assert "--env-manager" in words, command  # or MLflow asks for conda
        given = {words[i + 1].split("=")[0] for i, word in enumerate(words) if word == "-P"}
        assert given <= {*parameters(entry), *OLD_NAMES}, command


def test_the_entry_points_that_take_a_schema_are_named(page: Path) -> None:
    [sentence] = re.findall(r"`-P schema=PATH` to (.*?);", page.read_text(encoding="utf-8"))
    taking = [name for name in ENTRY_POINTS if "schema" in parameters(name)]
    assert sorted(re.findall("`(.*?)`", sentence)) == sorted(taking)


def test_every_parameter_is_on_its_page_with_its_default() -> None:
    """A table of docs/parameters.md per dataclass, in the order of its fields."""
    text = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    tables = [
        [tuple(cell.strip(" `") for cell in row.split("|")[1:3]) for row in table.splitlines()]
        for table in re.findall(r"^\|---\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    ]
    kinds = {kind for name in ENTRY_POINTS for kind in kinds_of(name)}
    expected = [[(f.name, shown(f.default)) for f in fields(kind)] for kind in kinds]
    assert sorted(tables) == sorted(expected)
    for old, new in OLD_NAMES.items():
        assert re.search(rf"^\| `{new}` .*`{old}` is the same", text, re.MULTILINE), old


def shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default).removeprefix(f"{ROOT}/")


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_mlproject_declares_parameters_that_exist_and_no_default(name: str) -> None:
    declared = ENTRY_POINTS[name]["parameters"]
    assert declared.keys() <= set(parameters(name))
    for parameter, given in declared.items():
        assert given["default"] == ""
        assert f"--{parameter} {{{parameter}}}" in ENTRY_POINTS[name]["command"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("http") or (page.parent / link).exists(), link


def test_the_example_studio_trains_and_answers_the_request_shown(
    page: Path, studio: Schema
) -> None:
    assert project_commands(page)
    settings = TrainingSettings(num_boost_round=20, folds=3)
    estimator = fit(simulated_table(studio, 1500, seed=1), studio, settings)
    payload = next(re.finditer(r"-d '(\{.*?\})'", page.read_text(), re.DOTALL)).group(1)
    table = check_table(
        pd.DataFrame(json.loads(payload)["dataframe_records"]), studio, labelled=False
    )
    answer = estimator.predict({name: table[name].to_numpy() for name in studio.features})
    assert answer["predicted_revenue"].shape == (1,)
    assert answer["predicted_revenue"][0] > 0


def test_the_example_is_what_the_page_says_of_it(page: Path, studio: Schema) -> None:
    text = page.read_text(encoding="utf-8")
    features = "`network`, `store`, `creative`, `rewarded_videos`,\n`levels` and `bid`"
    assert features in text
    assert list(studio.features) == re.findall(r"\w+", features.replace(" and ", ", "))
    assert studio.target.unit == "EUR"


def test_the_error_shown_is_the_one_that_comes(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = blocks(page, "toml")
    wrong = example.replace('unit = "count"\ndefault', 'units = "count"\ndefault')
    Path("studio.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(SchemaError) as error:
        Schema.read("studio.toml")
    assert f"error: {error.value}\n" in blocks(page, "text")


def test_every_key_and_role_is_explained(page: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[event.levels]\nwrong = 1", encoding="utf-8")
    with pytest.raises(SchemaError) as error:
        Schema.read(path)
    keys = str(error.value).partition("known are ")[2].rstrip(".").split(", ")
    assert len(keys) == 4
    text = page.read_text(encoding="utf-8")
    for word in [*keys, *get_args(Role)]:
        assert f"| `{word}` |" in text
