"""The arrows between the packages point one way, as the design draws them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "revenue_model"
MAY_IMPORT = {
    "prediction_log": {"prediction_log"},
    "model": {"model", "prediction_log"},
    "data": {"data", "model", "prediction_log.binning", "errors"},
    "training": {"training", "model", "errors"},
    "evaluation": {
        "evaluation", "training", "data", "model", "prediction_log.category", "errors",
        "extras",
    },
    "audit": {"audit", "evaluation", "training", "model", "prediction_log.category", "extras"},
    "registry": {"registry", "model", "own_code", "errors"},
    "spark": {"spark", "training", "data", "model", "errors"},
    "retraining": {
        "retraining", "evaluation.figures", "prediction_log.binning", "errors", "extras",
    },
    "commands": {
        "commands", "retraining", "spark", "registry", "audit", "evaluation", "training",
        "data", "model", "own_code", "errors",
    },
    "serving": {"serving", "logs", "listening", "errors"},  # what predicts is in the artifact
    "sidecar": {"sidecar", "logs", "listening", "prediction_log", "extras"},
}  # fmt: skip


def imported(module: Path) -> set[str]:
    """The modules of this project that `module` imports, without the package's name."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = (name for name in names if name.startswith("revenue_model."))
    return {name.removeprefix("revenue_model.") for name in ours}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below(room: str) -> None:
    for module in (PACKAGE / room).rglob("*.py"):
        for name in imported(module):
            allowed = any(f"{name}.".startswith(f"{door}.") for door in MAY_IMPORT[room])
            above = name in {door.split(".")[0] for door in MAY_IMPORT[room]}
            assert allowed or above, f"{module.relative_to(PACKAGE)} imports {name}"


def test_every_room_is_in_the_drawing() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(MAY_IMPORT)


def test_the_documentation_draws_the_same_house() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| folder | question | may import |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*)\|$", table, re.MULTILINE)
    shown = {room: {room, *re.findall(r"`(.*?)`", doors)} for room, doors in rows}
    assert shown == MAY_IMPORT


def test_every_module_that_the_documentation_names_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in re.findall(r"`(\w+/[\w/]+(?:\.py)?)/?`", text):
        assert (PACKAGE / path).exists(), path


@pytest.mark.parametrize("room", ["model", "prediction_log"])
def test_who_serves_needs_no_trainer(room: str) -> None:
    for module in (PACKAGE / room).rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        assert "sklearn" not in text, module
        assert "psycopg2" not in text, module
        assert "scipy" not in text, module
