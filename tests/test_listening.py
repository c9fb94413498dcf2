"""A port that another program holds: every service says so before it does anything else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("service", ["revenue_model.sidecar.app", "revenue_model.serving"])
def test_a_port_in_use_is_named_with_what_to_do(service: str, tmp_path: Path) -> None:
    state = {"REVENUE_STATE_DIR": str(tmp_path), "REVENUE_PREDICTION_LOG": str(tmp_path / "s")}
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", service, "--port", str(port)],
            env=os.environ | state,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: 127.0.0.1:{port} cannot be used (Address already in use); "
        "stop what uses it or choose another by --port.\n"
    )
    assert not list(tmp_path.iterdir())
