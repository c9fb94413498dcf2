"""What the environment says, and what it may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from revenue_model.sidecar.settings import Settings


def test_without_variables_everything_is_under_var() -> None:
    settings = Settings.from_environment({})
    assert (settings.spool, settings.state) == (Path("var/spool"), Path("var"))
    assert (settings.database_url, settings.sync_s, settings.retention_days) == ("", 1.0, 90)


def test_variables_are_taken_over() -> None:
    settings = Settings.from_environment(
        {
            "REVENUE_STATE_DIR": "/state",
            "REVENUE_PREDICTION_LOG": "/log",
            "REVENUE_RETENTION_DAYS": "7",
            "DATABASE_URL": "postgresql://somewhere",
        }
    )
    assert (settings.spool, settings.state) == (Path("/log"), Path("/state"))
    assert (settings.retention_days, settings.database_url) == (7, "postgresql://somewhere")


@pytest.mark.parametrize("text", ["channel, store", "country,source,"])
def test_segments_are_learned_and_a_setting_for_them_only_makes_a_line_in_the_log(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Settings.from_environment({"REVENUE_SEGMENTS": text}) == Settings.from_environment({})
    assert "REVENUE_SEGMENTS is not needed" in caplog.text


@pytest.mark.parametrize("text", ["ten", "0", "-1", "nan"])
def test_what_is_no_number_above_0_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"REVENUE_SYNC_S must be a number above 0"):
        Settings.from_environment({"REVENUE_SYNC_S": text})
