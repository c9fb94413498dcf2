"""docs/api.md and docs/prediction-log.md against the code."""

from __future__ import annotations

import re
from pathlib import Path

from revenue_model import logs
from revenue_model.prediction_log.journal import FIELDS
from revenue_model.sidecar import settings
from revenue_model.sidecar.app import create_app
from revenue_model.sidecar.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_every_route_is_documented_and_there() -> None:
    text = (DOCS / "api.md").read_text()
    documented = set(re.findall(r"^\| `(?:GET|POST) (\S+)`", text, re.MULTILINE))
    app = create_app(Settings(spool=Path("spool"), state=Path("state")))
    assert documented == {*app.openapi()["paths"], "/"}


def test_every_setting_is_documented() -> None:
    text = (DOCS / "prediction-log.md").read_text()
    sources = (settings, logs)
    texts = "".join(Path(str(source.__file__)).read_text() for source in sources)
    read = set(re.findall(r'"([A-Z_]{5,})"', texts))
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert documented == read | {"REVENUE_PREDICTION_LOG_MAX_BYTES"}


def test_every_field_of_a_line_is_documented() -> None:
    text = (DOCS / "prediction-log.md").read_text()
    table = text.partition("| field | |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE)
    assert [name for cell in names for name in cell.split(", ")] == list(FIELDS)
