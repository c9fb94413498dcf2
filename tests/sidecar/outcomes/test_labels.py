"""Labels that come back: taken, refused by line, corrected; and what predictions were worth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from revenue_model.evaluation.metrics import gini
from revenue_model.model.schema import Schema
from revenue_model.sidecar.collect.collector import Collector
from revenue_model.sidecar.outcomes.labels import read_csv, read_json
from revenue_model.sidecar.outcomes.refresher import Refresher
from revenue_model.sidecar.store.database import Database
from tests.sidecar.conftest import Writer, query
from tests.sidecar.test_app import (  # noqa: F401
    client,
    model_server,
    settings,
    wait_for_predictions,
)

Make = Callable[..., Writer]
NOW = datetime.now(UTC)
OVER = (NOW - timedelta(days=8)).isoformat()  # an install whose 7 days are over
YOUNG = (NOW - timedelta(days=2)).isoformat()
CSV = {"Content-Type": "text/csv"}


class Log:
    """Logs predictions at moments in the past and brings them to Postgres."""

    def __init__(
        self, database: Database, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._collector, self._patch = collector, monkeypatch
        self._refresher = Refresher(database, "installed_at", 60)

    def log(self, writer: Writer, days_ago: float, revenue: float, **columns: Any) -> None:
        at_ns = int((NOW - timedelta(days=days_ago)).timestamp() * 1e6) * 1000
        with self._patch.context() as patch:
            patch.setattr("revenue_model.prediction_log.writer.time.time_ns", lambda: at_ns)
            writer.log([revenue], **columns)

    def refresh(self) -> None:
        while self._collector.collect():
            pass
        self._refresher.refresh()


@pytest.fixture
def log(database: Database, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(database, collector, monkeypatch)


def label(database: Database, user_id: str, revenue: float, time: str = "NULL") -> None:
    query(
        database,
        f"SELECT * FROM record_outcomes(ARRAY['{user_id}'], ARRAY[{revenue}], "
        f"ARRAY[{time}]::timestamptz[])",
    )


def realised(database: Database) -> list[dict[str, Any]]:
    return database.rows("realised")


def test_good_lines_are_taken_and_bad_ones_come_back_by_line() -> None:
    body = (
        b"\xef\xbb\xbfuser_id,revenue,time\n"
        b"a,1.5,2026-01-09T00:00:00Z\n"
        b"b,-1,\n"
        b"c,nan,\n"
        b"d,1e999,\n"
        b"\xe9,1,\n"
        b"e,2,\n"
        b"\n"
        b"f,much,\n"
        b"e,3,\n"
        b"g,1\n"
        b'"h,1,\n'
        b"i,1,yesterday\n"
        b"j,1_0,\n"
        b"k,4,\n"
        b"k,4,\n"
        b",5,\n"
        b"a\x00,5,\n"
        b"l,0,2026-01-09 00:00:00\r\n"
    )
    outcomes = read_csv(body)
    assert [(o.user_id, o.revenue) for o in outcomes.good] == [("a", 1.5), ("k", 4), ("l", 0)]
    assert outcomes.good[2].measured_at == datetime(2026, 1, 9, tzinfo=UTC)
    reasons = {problem.line: problem.reason for problem in outcomes.problems}
    assert reasons == {
        3: "revenue: expected 0 or more, got '-1'",
        4: "revenue: expected a finite number, got 'nan'",
        5: "revenue: expected a finite number, got '1e999'",
        6: "not UTF-8 at byte 1 of the line",
        7: "another label of this user in line 10; neither is taken",
        9: "revenue: expected a number, got 'much'",
        10: "another label of this user in line 7; neither is taken",
        11: "2 fields, expected 3",
        12: "no CSV: unexpected end of data",
        13: "time: expected ISO 8601, got 'yesterday'",
        14: "revenue: expected a number, got '1_0'",
        16: "the same label as in line 15, which is taken",
        17: "user_id: expected a text, got nothing",
        18: "user_id: holds a NUL or more than 1000 bytes",
    }
    assert len(outcomes.good) + len(outcomes.problems) == 17


def test_of_very_many_bad_lines_all_are_counted_and_the_first_named() -> None:
    outcomes = read_csv(b"user_id,revenue\n" + b"u,$1\n" * 30_000 + b"v,1\n")
    assert (outcomes.rejected, len(outcomes.good)) == (30_000, 1)
    assert [problem.line for problem in outcomes.problems] == list(range(2, 1002))


def test_json_rows_are_checked_one_by_one() -> None:
    rows = '[{"user_id": "a", "revenue": 1}, {"user_id": "b", "revenue": NaN}, 7, '
    rows += '{"user_id": "\\ud800", "revenue": 1}, {"user_id": 5, "revenue": 1}, '
    rows += '{"user_id": "c", "revenue": true}, {"user_id": "d"}]'
    outcomes = read_json(rows.encode())
    assert [outcome.user_id for outcome in outcomes.good] == ["a"]
    assert [problem.line for problem in outcomes.problems] == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        ("text/csv", b"user,revenue\na,1\n", 422, "user_id missing, found user, revenue"),
        ("text/csv", "user_id,revenue\na,1\n".encode("utf-16"), 422, "expected CSV in UTF-8"),
        ("text/csv", b"", 422, "found none"),
        ("application/json", b"{}", 422, "Expected a JSON list"),
        ("application/json", b"nonsense", 422, "no JSON"),
        ("application/xml", b"<a/>", 415, "application/json or text/csv"),
    ],
)
def test_what_is_no_table_of_outcomes_is_refused(
    client: TestClient,  # noqa: F811
    kind: str,
    body: bytes,
    status: int,
    reason: str,
) -> None:
    answer = client.post("/outcomes", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert reason in answer.json()["detail"]


def test_labels_come_in_twice_and_corrected(
    client: TestClient,  # noqa: F811
    database: Database,
    writer: Make,
) -> None:
    one = writer()
    one.log([2.0], user_id="old", installed_at=OVER)
    one.log([2.0], user_id="young", installed_at=YOUNG)
    wait_for_predictions(client, 2)
    # The prediction of "old" came after its 7 days: no forecast, so it is unknown.
    body = "user_id,revenue\nold,1\nyoung,3\nstranger,5\nbad,-1\n"
    first = client.post("/outcomes", content=body, headers=CSV).json()
    assert first.pop("problems") == [
        {"line": 5, "user_id": "bad", "reason": "revenue: expected 0 or more, got '-1'"}
    ]
    assert first == {
        "received": 4,
        "accepted": 3,
        "rejected": 1,
        "added": 3,
        "corrected": 0,
        "unchanged": 0,
        "counted": 0,
        "waiting": 1,
        "unknown": 2,
        "matured_share": 0.0,
    }
    again = client.post("/outcomes", content=body, headers=CSV).json()
    assert (again["added"], again["corrected"], again["unchanged"]) == (0, 0, 3)
    assert query(database, "SELECT count(*) FROM outcome_history") == [(0,)]
    corrected = client.post("/outcomes", json=[{"user_id": "young", "revenue": 4}]).json()
    assert (corrected["added"], corrected["corrected"]) == (0, 1)
    history = query(database, "SELECT user_id, revenue FROM outcome_history")
    assert history == [("young", 3.0)]
    [version] = client.get("/stats").json()["realised"]
    assert (version["installs"], version["matured"], version["bias"]) == (1, 0, None)


def test_only_labels_of_users_whose_week_is_over_count(
    database: Database, writer: Make, log: Log
) -> None:
    one = writer()
    log.log(one, 8, 2.0, user_id="by-install", installed_at=OVER)
    log.log(one, 7.5, 2.0, user_id="by-prediction")
    log.log(one, 6.5, 2.0, user_id="late", installed_at=(NOW - timedelta(days=8)).isoformat())
    log.log(one, 6.5, 2.0, user_id="waits")
    log.log(one, 9, 2.0, user_id="no-time", installed_at="now")
    log.log(one, 8, 2.0, user_id="measured-early", installed_at=OVER)
    for user in ("by-install", "by-prediction", "late", "waits", "no-time"):
        label(database, user, 3.0)
    label(database, "measured-early", 3.0, "now() - interval '4 days'")
    log.refresh()
    counted = query(
        database,
        "SELECT user_id FROM realised_installs WHERE revenue IS NOT NULL ORDER BY user_id",
    )
    assert [user for (user,) in counted] == ["by-install", "by-prediction", "late", "no-time"]
    [version] = realised(database)
    assert (version["installs"], version["matured"], version["labelled"]) == (6, 5, 4)
    label(database, "measured-early", 9.0, "now()")
    log.refresh()
    assert realised(database)[0]["labelled"] == 5


def test_the_first_prediction_after_the_install_counts_whatever_the_order_of_arrival(
    database: Database, writer: Make, log: Log
) -> None:
    one, two = writer("1"), writer("2")
    log.log(one, 8, 5.0, user_id="u", installed_at=(NOW - timedelta(days=10)).isoformat())
    log.refresh()
    log.log(one, 11, 6.0, user_id="u", installed_at=(NOW - timedelta(days=10)).isoformat())
    log.log(one, 9, 7.0, user_id="u", installed_at=(NOW - timedelta(days=10)).isoformat())
    log.log(one, 2, 8.0, user_id="u", installed_at=(NOW - timedelta(days=10)).isoformat())
    log.log(two, 9.5, 9.0, user_id="u", installed_at=(NOW - timedelta(days=10)).isoformat())
    log.refresh()
    log.refresh()
    chosen = query(database, "SELECT model_version, predicted_revenue FROM installs ORDER BY 1")
    assert chosen == [("1", 7.0), ("2", 9.0)]


def test_realised_figures_are_those_of_a_plain_computation(
    database: Database, writer: Make, log: Log
) -> None:
    rng = np.random.default_rng(3)
    real = np.round(rng.lognormal(0, 1.5, 60) * (rng.random(60) < 0.6), 3)
    predicted = np.round(real * rng.gamma(4, 0.25, 60) + 0.1, 1)
    one = writer("3")
    for user, value in enumerate(predicted.tolist()):
        country = ["us", " PE", "br"][user % 3]
        log.log(one, 8 + user % 2, value, user_id=f"u{user}", country=country)
        label(database, f"u{user}", real[user])
    log.log(one, 1, 5.0, user_id="young")
    log.refresh()
    [version] = realised(database)
    assert (version["installs"], version["labelled"]) == (61, 60)
    assert version["predicted_sum"] == pytest.approx(predicted.sum())
    bias = predicted.sum() / real.sum()
    assert version["bias"] == pytest.approx(bias)
    assert version["mae"] == pytest.approx(np.abs(predicted - real).mean())
    assert version["gini"] == pytest.approx(gini(real, predicted))
    picks = rng.integers(0, 60, (4000, 60))
    ratios = predicted[picks].sum(1) / real[picks].sum(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    assert version["bias_low"] == pytest.approx(low, abs=0.25 * (high - low))
    assert version["bias_high"] == pytest.approx(high, abs=0.25 * (high - low))
    cohorts = query(
        database,
        "SELECT country, sum(installs), sum(real_sum) FROM realised_performance "
        "WHERE matured_share = 1 GROUP BY country ORDER BY country",
    )
    assert [(str(c), int(str(n))) for c, n, _ in cohorts] == [
        ("br", 20),
        ("pe", 20),
        ("us", 20),
    ]
    assert [float(str(total)) for *_, total in cohorts] == [
        pytest.approx(real[[2, 1, 0][index] :: 3].sum()) for index in range(3)
    ]


def test_coverage_is_of_the_installs_whose_interval_was_logged(
    database: Database, writer: Make, log: Log
) -> None:
    one = writer()
    for user in range(3):
        log.log(one, 8, 2.0, user_id=f"u{user}")
        label(database, f"u{user}", float(user))
    log.refresh()
    [version] = realised(database)
    assert (version["with_interval"], version["coverage"]) == (0, None)
    assert version["bias"] == 2.0 and version["bias_low"] is None  # too few for one
    query(
        database,
        "UPDATE installs SET revenue_low = 0.5, revenue_high = 3 WHERE user_id <> 'u1' RETURNING 1",
    )
    log.refresh()
    [version] = realised(database)
    assert (version["with_interval"], version["coverage"]) == (2, 0.5)


def test_the_figures_of_a_studio_with_other_columns_are_by_its_own_segments(
    database: Database, folder: Path, log: Log, tmp_path: Path
) -> None:
    path = tmp_path / "studio.toml"
    path.write_text(
        "[categorical.channel]\nsegment = true\n[event.ads]\n[target.money]\n"
        "[id.player]\n[time.installed_at]\n"
    )
    one = Writer(folder, Schema.read(path), "1")
    for user, channel in enumerate(["Video", "video ", "search"]):
        log.log(one, 9, 2.0, player=f"u{user}", channel=channel, ads=3.0, installed_at=OVER)
        label(database, f"u{user}", 1.0 + user)
    log.refresh()
    cohorts = query(
        database,
        "SELECT segments, sum(installs)::integer, sum(real_sum) FROM realised_performance "
        "GROUP BY segments ORDER BY 2",
    )
    assert cohorts == [({"channel": "search"}, 1, 3.0), ({"channel": "video"}, 2, 3.0)]


def test_the_segments_of_an_install_are_the_categories_that_are_counted(
    database: Database, writer: Make, log: Log
) -> None:
    one = writer()
    values = [
        " PE",
        "None",
        "",
        None,
        "\u0130zmir",
        "STRASSE",
        "stra\u00dfe",
        'a\t"\\b\n',
        "x" * 300,
    ]
    for user, value in enumerate(values):
        log.log(one, 9, 1.0, user_id=f"u{user}", country=value)
    log.refresh()
    installs = query(
        database, "SELECT segments->>'country', count(*) FROM installs GROUP BY 1 ORDER BY 1"
    )
    counted = query(
        database,
        "SELECT value, predictions FROM prediction_counts "
        "WHERE period = 'day' AND segment = 'country' ORDER BY 1",
    )
    assert installs == counted
    assert ("strasse", 2) in installs and ("(missing)", 3) in installs
