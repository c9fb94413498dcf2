"""What `scripts/serve` says when it cannot begin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.in_process import Answer, start
from tests.system.servers import free_port

AWAY = "http://127.0.0.1:9"
Serve = Callable[..., Answer]


@pytest.fixture
def serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Serve:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    state = ("--state", str(tmp_path))
    return lambda *given: start("revenue_model.serving.__main__", *state, *given, capsys=capsys)


def test_without_a_registry_and_a_version_there_is_nothing_to_serve(serve: Serve) -> None:
    ended = serve("--port", str(free_port()))
    assert ended.code == 1
    assert f"error: the registry at {AWAY} does not answer: " in ended.err
    assert ended.err.endswith("; there is nothing to serve.\n")


@pytest.mark.parametrize("share", ["all", "1"])
def test_a_share_that_is_none_is_named(serve: Serve, share: str) -> None:
    refused = serve("--challenger", share)
    assert refused.code == 2
    assert f"must be 'shadow' or a share of users between 0 and 1, got '{share}'" in refused.err


def test_a_log_format_that_is_none_is_named(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVENUE_LOG_FORMAT", "xml")
    refused = serve()
    assert refused.code == 2
    assert refused.err == "error: REVENUE_LOG_FORMAT must be plain or json, got 'xml'.\n"
