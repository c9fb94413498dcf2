from __future__ import annotations

import io
import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from revenue_model.audit.audit import Audit, audit, log_audit
from revenue_model.audit.figures import distributions
from revenue_model.data.simulate import simulated_table
from revenue_model.data.table import read_table
from revenue_model.model.schema import Column, Schema
from tests.conftest import REAL_TABLE

EVENTS_ONLY = Schema((Column("clicks", "event"), Column("revenue", "target")))
NUMBERS_ONLY = Schema((Column("age", "numeric"), Column("spend", "target")))


def found(result: Audit, kind: str, column: str = "", value: str = "") -> pd.Series:
    """The one finding of this kind."""
    rows = result.findings.query("kind == @kind and column == @column and value == @value")
    assert len(rows) == 1, result.text()
    return rows.iloc[0]


def columns_of(result: Audit, kind: str) -> set[str]:
    return set(result.findings.query("kind == @kind")["column"])


@pytest.fixture(scope="module")
def audited(schema: Schema, installs: pd.DataFrame) -> Audit:
    return audit(installs, schema)


def test_the_country_at_fault_is_named_with_its_factor_and_shares(
    audited: Audit, installs: pd.DataFrame
) -> None:
    finding = found(audited, "segment", "country", "pe")
    of_pe = installs["country"] == "pe"
    assert finding["severity"] == "alarm"
    assert 10_000 < finding["factor"] < 100_000  # simulated with 40,000
    assert finding["install_share"] == pytest.approx(of_pe.mean())
    assert finding["revenue_share"] == pytest.approx(
        installs["revenue"][of_pe].sum() / installs["revenue"].sum()
    )
    assert audited.alarming == [finding["message"]]
    assert "country 'pe' brings" in audited.text()
    assert columns_of(audited, "segment") == {"country"}


@pytest.mark.skipif(not REAL_TABLE.exists(), reason="the real table is not here")
def test_the_fault_of_the_real_table_is_its_only_alarm(schema: Schema) -> None:
    result = audit(read_table(REAL_TABLE, schema, labelled=True), schema)
    finding = found(result, "segment", "country", "pe")
    assert 40_000 < finding["factor"] < 100_000
    assert finding["revenue_share"] > 0.99
    assert result.alarming == [finding["message"]]
    assert columns_of(result, "leakage") == {"event_2"}
    assert columns_of(result, "constant") == {"event_1"}


def test_a_clean_table_has_no_alarm(schema: Schema, installs: pd.DataFrame) -> None:
    assert audit(installs[installs["country"] != "pe"], schema).alarming == []


@pytest.mark.parametrize(("factor", "severity"), [(1e-3, "alarm"), (1e3, "alarm"), (40, "warning")])
def test_a_fault_is_found_in_either_direction(
    schema: Schema, installs: pd.DataFrame, factor: float, severity: str
) -> None:
    table = installs[installs["country"] != "pe"].copy()
    table.loc[table["country"] == "mx", "revenue"] *= factor
    finding = found(audit(table, schema), "segment", "country", "mx")
    assert finding["severity"] == severity
    assert finding["factor"] == pytest.approx(factor, rel=2.0)


def test_of_two_platforms_the_smaller_is_the_odd_one(schema: Schema) -> None:
    table = simulated_table(schema, 3000, 1).query("country != 'pe'").assign(platform="iOS")
    table.loc[:400, "platform"] = "Android"
    table.loc[:400, "revenue"] *= 500
    assert found(audit(table, schema), "segment", "platform", "android")["factor"] > 100


def test_a_column_does_not_answer_for_the_fault_of_another(
    schema: Schema, installs: pd.DataFrame
) -> None:
    table = installs.copy()
    table.loc[table["country"] == "pe", "source"] = "Agency"
    segments = audit(table, schema).findings.query("kind == 'segment'")
    assert len(segments) == 1


def test_revenue_told_early_is_an_alarm_and_exposure_a_warning() -> None:
    rng = np.random.default_rng(0)
    clicks = np.ceil(rng.lognormal(2, 1.5, 1000))
    revenue = clicks * rng.gamma(8, 1 / 8, 1000)
    exposure = audit(pd.DataFrame({"clicks": clicks, "revenue": revenue}), EVENTS_ONLY)
    assert found(exposure, "leakage", "clicks")["severity"] == "warning"
    leak = audit(pd.DataFrame({"clicks": revenue * 0.7, "revenue": revenue}), EVENTS_ONLY)
    finding = found(leak, "leakage", "clicks")
    assert finding["severity"] == "alarm"
    assert finding["correlation"] == pytest.approx(1.0)


def test_a_category_that_is_made_from_revenue_is_a_leak() -> None:
    tiers = Schema(
        (Column("tier", "categorical"), Column("device", "categorical"), *EVENTS_ONLY.columns)
    )
    rng = np.random.default_rng(0)
    revenue = rng.gamma(0.5, 2, 2000)
    table = pd.DataFrame(
        {
            "tier": pd.qcut(revenue, 12).astype(str),
            "device": rng.integers(0, 900, 2000).astype(str),  # many categories tell nothing
            "clicks": rng.poisson(3, 2000).astype(float),
            "revenue": revenue,
        }
    )
    result = audit(table, tiers)
    assert columns_of(result, "leakage") == {"tier"}
    assert result.correlations["device"] < 0.3


def test_missing_values_are_counted(schema: Schema, installs: pd.DataFrame) -> None:
    result = audit(installs.assign(event_1=np.nan), schema)
    for name in schema.features:
        count = int(installs[name].isna().sum()) if name != "event_1" else len(installs)
        if count:
            assert found(result, "missing", name)["installs"] == count
    assert found(result, "missing", "event_1")["severity"] == "warning"
    assert found(result, "missing", "source")["severity"] == "note"
    assert "country" not in columns_of(result, "missing")


def test_spellings_are_told_apart_as_the_model_does(schema: Schema, installs: pd.DataFrame) -> None:
    table = installs.copy()
    table.loc[:99, "device_family"] = "Pixel 4a"
    table.loc[100:119, "device_family"] = "pixel 4A "
    result = audit(table, schema)
    ios = found(result, "spelling", "platform", "ios")
    assert ios["installs"] == installs["platform"].isin(["iOS", "ios"]).sum()
    pixel = found(result, "spelling", "device_family", "pixel4a")
    assert (pixel["severity"], pixel["installs"]) == ("note", 120)
    table.loc[120:129, "device_family"] = "Pixel4a"
    pixel = found(audit(table, schema), "spelling", "device_family", "pixel4a")
    assert pixel["severity"] == "warning"
    assert "'Pixel 4a' 100, 'pixel 4A ' 20, 'Pixel4a' 10" in pixel["message"]


def test_rows_written_twice_are_a_warning(schema: Schema, installs: pd.DataFrame) -> None:
    doubled = audit(pd.concat([installs, installs.head(500)]), schema)
    finding = found(doubled, "duplicate")
    assert finding["severity"] == "warning"
    assert finding["installs"] == 500 + installs.duplicated(list(schema.features)).sum()


def test_a_column_of_one_value_is_named(schema: Schema, installs: pd.DataFrame) -> None:
    result = audit(installs.assign(source="Organic", event_1=0.0), schema)
    assert found(result, "constant", "source", "Organic")["installs"] == len(installs)
    assert found(result, "constant", "event_1", "0")["severity"] == "warning"


@pytest.mark.parametrize(
    "schema",
    [
        EVENTS_ONLY,
        NUMBERS_ONLY,
        Schema((Column("site", "categorical", segment=True), Column("spend", "target"))),
    ],
    ids=["events only", "numbers only", "one segment only"],
)
@pytest.mark.filterwarnings("error")
def test_any_schema_and_any_poor_table_is_audited(schema: Schema) -> None:
    ordinary = simulated_table(schema, 400, 3)
    target = schema.target.name
    empty = {c.name: None if c.role == "categorical" else np.nan for c in schema.columns}
    one_payer = ordinary.assign(**{target: 0.0})
    one_payer.loc[5, target] = 12.5
    for table in [
        ordinary,
        ordinary.head(1),
        ordinary.assign(**{target: 0.0}),
        ordinary.assign(**{target: 3.0}),
        ordinary.assign(**(empty | {target: 1.0})),
        one_payer,
    ]:
        result = audit(table, schema)
        assert "nan" not in result.text()
        for figure in [*result.figures().values(), distributions(table, schema)]:
            figure.savefig(io.BytesIO())


def test_a_crowd_of_findings_is_summed_up_in_the_text(schema: Schema) -> None:
    table = simulated_table(schema, 2000, 1)
    table["device_family"] = [
        name and (name.upper() if row % 2 else name)
        for row, name in enumerate(table["device_family"])
    ]
    result = audit(table, schema)
    spellings = len(result.findings.query("kind == 'spelling' and column == 'device_family'"))
    assert f"And {spellings - 3} more like this." in result.text()
    assert len(result.text().splitlines()) < 20


def test_the_audit_is_logged_as_table_text_and_figures(audited: Audit, tmp_path: Path) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.create_experiment("audit", artifact_location=f"{tmp_path}/artifacts")
    with (
        _use_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db"),
        mlflow.start_run(experiment_id=experiment) as run,
    ):
        log_audit(audited)
    folder = tmp_path / "artifacts" / run.info.run_id / "artifacts" / "audit"
    assert {path.name for path in folder.iterdir()} == {
        "audit.txt",
        "findings.json",
        *(f"{name}.png" for name in ("correlations", "missing", "revenue_per_event")),
    }
    assert (folder / "audit.txt").read_text() == audited.text()
    table = json.loads((folder / "findings.json").read_text())
    assert table["columns"] == list(audited.findings.columns)
    assert len(table["data"]) == len(audited.findings)
