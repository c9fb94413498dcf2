"""A port that another program holds: every service says so before it does anything else."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.in_process import start


@pytest.mark.parametrize("service", ["revenue_model.sidecar.app", "revenue_model.serving.__main__"])
def test_a_port_in_use_is_named_with_what_to_do(
    service: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVENUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("REVENUE_PREDICTION_LOG", str(tmp_path / "spool"))
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused = start(service, "--port", str(port), capsys=capsys)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"error: 127.0.0.1:{port} cannot be used (Address already in use); "
        "stop what uses it or choose another by --port.\n"
    )
    assert not list(tmp_path.iterdir())
