"""How scripts, benchmarks and tests run a server."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import pytest

from scripts.services import ServiceError, require_alive, running
from tests.sidecar.test_app import wait_for
from tests.system.servers import free_port, processes_of


def test_a_server_runs_while_the_block_lasts_and_its_children_end_with_it(
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    parent = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
    child = ["-m", "http.server", str(port), "--directory", str(tmp_path)]
    log = tmp_path / "log"
    with running([sys.executable, "-c", parent, *child], url, log) as process:
        assert urllib.request.urlopen(url).status == 200
        require_alive(process, log)
        assert len(processes_of(tmp_path)) == 2
    wait_for(lambda: processes_of(tmp_path) == [])
    with pytest.raises(ServiceError, match="ended with exit code"):
        require_alive(process, log)


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no port for me')"]
    with (
        pytest.raises(ServiceError, match=r"(?s)exit code 1; the end of .*no port for me"),
        running(command, "http://127.0.0.1:9/", tmp_path / "log"),
    ):
        pass
