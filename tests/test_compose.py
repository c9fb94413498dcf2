"""What the compose stack promises: one door, nothing more rights than needed, no secrets."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.modes import needs
from tests.system.servers import free_port

ROOT = Path(__file__).parents[1]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
)["services"]


def test_only_the_gateway_publishes_ports_and_on_loopback_by_default() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    for port in SERVICES["gateway"]["ports"]:
        assert port.startswith("${GATEWAY_ADDRESS:-127.0.0.1}:")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] and service["pids_limit"]
    assert "network_mode" not in service and "privileged" not in service
    if service["image"] != "revenue-model":
        assert re.fullmatch(r"[\w/-]+:v?\d[\w.]*", service["image"])  # a version, not latest


def test_no_password_is_given_and_none_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for use in re.findall(r"\$\{(\w*(?:PASSWORD|KEY)\w*)([^}]*)\}", text):
        assert use[1] in ("", ":?missing in .env, run deploy/make-env")
    for line in text.splitlines():
        if re.search(r"(PASSWORD|_KEY)\w*:\s", line):
            assert "${" in line, line


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "deploy" / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert linted.stdout == ""


@needs("git")
def test_no_secret_is_in_the_repository() -> None:
    """By the patterns and the entropy that detect-secrets looks for, in what git tracks."""
    scan = [str(Path(sys.executable).with_name("detect-secrets")), "scan", "--no-verify"]
    scan += ["--exclude-lines", '"image/png": ']  # in the notebook
    scan += ["--exclude-files", "^uv.lock$"]  # nothing but hashes, and a minute's work
    done = subprocess.run(scan, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["results"]
    assert found == {}


@needs("git")
@pytest.mark.parametrize("path", [".env", "secrets/keys/clients", "secrets/tls/key.pem"])
def test_git_ignores_secrets(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0


def make_env(folder: Path, settings: str = "") -> subprocess.CompletedProcess[str]:
    """`deploy/make-env` in a copy, at ports that are free but for what `settings` say."""
    for script in ("make-env", "keys"):
        copy = folder / "deploy" / script
        copy.parent.mkdir(exist_ok=True)
        text = (ROOT / "deploy" / script).read_text(encoding="utf-8")
        for port in ("8443", "8444"):
            text = text.replace(port, str(free_port()))
        copy.write_text(text, encoding="utf-8")
        copy.chmod(0o755)
    if settings:
        with (folder / ".env").open("a") as file:
            file.write(settings)
    return subprocess.run([folder / "deploy/make-env"], capture_output=True, text=True)


def test_secrets_are_made_by_one_command(tmp_path: Path) -> None:
    first, second = (make_env(tmp_path) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert re.search(r"^admin-[0-9a-f]{8}:[0-9a-f]{64}$", first.stdout, re.MULTILINE)
    assert second.stdout == "" and "stays as it is" in second.stderr
    made = dict(
        line.split("=", 1)
        for line in (tmp_path / ".env").read_text().splitlines()
        if not line.startswith("#")
    )
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)(?::\?[^}]*)?\}", text)) == set(made)
    secrets = [value for name, value in made.items() if name != "GATEWAY_USER"]
    assert len(set(secrets)) == len(secrets) and all(len(secret) == 48 for secret in secrets)


def test_a_port_that_another_program_holds_is_named_with_its_line(tmp_path: Path) -> None:
    assert make_env(tmp_path).returncode == 0
    lines = (tmp_path / ".env").read_text().count("\n")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused = make_env(tmp_path, f"GATEWAY_MLFLOW_PORT={port}\n")
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.splitlines()[-1] == (
        f"error: .env, line {lines + 1}: port {port} is in use by another program; "
        "set GATEWAY_MLFLOW_PORT to a free one."
    )
    assert make_env(tmp_path).returncode == 0
