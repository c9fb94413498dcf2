"""What `scripts/serve` says when it cannot begin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.servers import BUSY_S, free_port

pytestmark = pytest.mark.system

AWAY = "http://127.0.0.1:9"


def serve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "revenue_model.serving", "--state", str(folder)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": AWAY}
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=BUSY_S
    )


def test_without_a_registry_and_a_version_there_is_nothing_to_serve(tmp_path: Path) -> None:
    ended = serve(tmp_path, "--port", str(free_port()))
    assert ended.returncode == 1
    assert f"error: the registry at {AWAY} does not answer: " in ended.stderr
    assert ended.stderr.endswith("; there is nothing to serve.\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("share", ["all", "1"])
def test_a_share_that_is_none_is_named(tmp_path: Path, share: str) -> None:
    refused = serve(tmp_path, "--challenger", share)
    assert refused.returncode == 2
    assert (
        f"must be 'shadow' or a share of users between 0 and 1, got '{share}'" in refused.stderr
    )


def test_a_log_format_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVENUE_LOG_FORMAT", "xml")
    refused = serve(tmp_path)
    assert refused.returncode == 2
    expected = "error: REVENUE_LOG_FORMAT must be plain or json, got 'xml'.\n"
    assert refused.stderr.endswith(expected)
