"""docs/api.md and docs/prediction-log.md against the code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from revenue_model import logs
from revenue_model.prediction_log.journal import FIELDS
from revenue_model.sidecar import settings
from revenue_model.sidecar.app import create_app
from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.settings import Settings
from revenue_model.sidecar.store.database import Database
from tests.sidecar.conftest import Writer, query

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


def test_the_join_of_both_versions_pairs_each_install_once(
    collector: Collector, database: Database, writer: Callable[..., Writer]
) -> None:
    """Also of a batch that was asked again in halves: each has a row 1 of the same request."""
    champion, challenger = writer("1"), writer("2", shadow=True)
    champion.fail("refused", rows=2)
    for user, revenue in (("a", 1.0), ("b", 2.0), (None, 3.0)):
        champion.log([revenue], request_id="batch", user_id=user, event_1=revenue)
        challenger.log([10 * revenue], request_id="batch", user_id=user, event_1=revenue)
    while collector.collect():
        pass
    text = (DOCS / "serving.md").read_text()
    _, _, statement = text.partition("```sql\n-- both versions on the same installs")
    found = query(database, f"-- both versions{statement.partition('```')[0]}")
    assert sorted(found, key=lambda row: str(row[1])) == [
        ("a", 1.0, 10.0),
        ("b", 2.0, 20.0),
        (None, 3.0, 30.0),
    ]
